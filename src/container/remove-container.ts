import { setTimeout as delay } from 'node:timers/promises';
import { BuildError } from '../model/error.js';
import type { ContainerStore } from './container-store.js';

/**
 * Removes a container with its writable layer; a running one only with `force`, which ends the stave that runs it, and
 * with it everything in the container. Throws BuildError `conflict` in docker's words.
 */
export async function removeContainer(
  text: string,
  force: boolean,
  containers: ContainerStore,
): Promise<void> {
  const { id, name, status, pid } = containers.find(text);
  if (status === 'running') {
    if (!force) throw running(name);
    process.kill(pid, 'SIGKILL');
    while (containers.isRunning(id)) await delay(5);
  }
  containers.remove(id);
}

function running(name: string): BuildError {
  const message = `cannot remove container "/${name}": container is running: stop the container before removing or force remove`;
  return new BuildError('conflict', message, { hint: `stave rm --force ${name}` });
}
