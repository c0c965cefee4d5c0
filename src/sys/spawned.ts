import type { ChildProcess } from 'node:child_process';

/**
 * What spawn(2) of Node gave. Where no descriptor is left for its pipes Node makes no streams, whatever their types say,
 * and tells the reason a tick later. Throws that reason (`EMFILE`) at once.
 */
export function spawned<T extends ChildProcess>(child: T): T {
  if ((child.stdio as unknown) !== undefined) return child;
  child.once('error', () => undefined); // It is thrown here.
  throw Object.assign(new Error('spawn: too many open files'), { code: 'EMFILE' });
}
