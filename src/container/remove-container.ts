import type { ContainerState } from '../model/container.js';
import { BuildError } from '../model/error.js';
import { stopContainer } from './container-signals.js';
import type { ContainerStore } from './container-store.js';

const KILL = 9;

export interface RemoveOptions {
  readonly force: boolean;
  /** Also its anonymous volumes. */
  readonly volumes: boolean;
}

/**
 * Removes a container with its writable layer; a running one only with `force`, which kills everything in it. Throws
 * BuildError `conflict` in docker's words.
 */
export async function removeContainer(
  text: string,
  { force, volumes }: RemoveOptions,
  containers: ContainerStore,
): Promise<void> {
  const state = containers.find(text);
  if (containers.isRunning(state.id) || state.status === 'restarting') {
    if (!force) throw state.status === 'restarting' ? restarting(state) : running(state);
    await stopContainer(state, { signal: KILL, timeoutMs: 1 }, containers);
    containers.read(state.id); // Its end is told before its removal.
  }
  containers.remove(state.id, volumes ? 'with volumes' : undefined);
}

function restarting({ id, name }: ContainerState): BuildError {
  const what = `You cannot remove a restarting container ${id}`;
  return new BuildError(
    'conflict',
    `${what}. Stop the container before attempting removal or force remove`,
    { hint: `stave rm --force ${name}` },
  );
}

function running({ name, status }: ContainerState): BuildError {
  const why =
    status === 'paused'
      ? 'container is paused and must be unpaused first'
      : `container is ${status}: stop the container before removing or force remove`;
  const message = `cannot remove container "/${name}": ${why}`;
  return new BuildError('conflict', message, { hint: `stave rm --force ${name}` });
}
