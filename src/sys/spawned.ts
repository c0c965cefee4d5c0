import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/**
 * What spawn(2) of Node gave. Where no descriptor is left for its pipes Node makes no streams, whatever their types say,
 * and tells the reason a tick later. Throws that reason (`EMFILE`) at once.
 */
export function spawned<T extends ChildProcess>(child: T): T {
  if ((child.stdio as unknown) !== undefined) return child;
  child.once('error', () => undefined); // It is thrown here.
  throw Object.assign(new Error('spawn: too many open files'), { code: 'EMFILE' });
}

/** The same of a function that spawns, and fails by itself where there are no streams: nobody else has its process then. */
export function spawnedBy<T>(spawns: () => T): T {
  let made: ChildProcess | undefined;
  const see = (message: unknown): void => {
    made = (message as { readonly process: ChildProcess }).process; // As Node documents this channel.
  };
  subscribe(SPAWNS, see);
  try {
    return spawns();
  } catch (error) {
    if (made !== undefined) spawned(made);
    throw error;
  } finally {
    unsubscribe(SPAWNS, see);
  }
}

const SPAWNS = 'child_process';
