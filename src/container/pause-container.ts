import type { ContainerState } from '../model/container.js';
import { BuildError } from '../model/error.js';
import type { ContainerStore } from './container-store.js';
import { freeze, thaw } from './freeze.js';

/** Stops all of a container's processes where they are. Throws BuildError `conflict` in docker's words. */
export async function pauseContainer(
  state: ContainerState,
  containers: ContainerStore,
): Promise<void> {
  refuseRestarting(state);
  if (!containers.isRunning(state.id))
    throw new BuildError('conflict', `container ${state.id} is not running`);
  if (state.status === 'paused') {
    throw new BuildError('conflict', `container ${state.id} is already paused`, {
      hint: `stave unpause ${state.name}`,
    });
  }
  await freeze(state);
  containers.save({ ...state, status: 'paused' });
  containers.tell(state, 'pause');
}

/** Lets them go on. Throws BuildError `conflict` when it is not paused. */
export function unpauseContainer(state: ContainerState, containers: ContainerStore): void {
  if (state.status !== 'paused')
    throw new BuildError('conflict', `Container ${state.id} is not paused`);
  // Killed in between it is called paused and runs: one more unpause mends that.
  thaw(state);
  containers.save({ ...state, status: 'running' });
  containers.tell(state, 'unpause');
}

/** Throws BuildError `conflict` for what needs its processes. */
export function refuseRestarting({ id, status }: ContainerState): void {
  if (status !== 'restarting') return;
  const what = `Container ${id} is restarting, wait until the container is running`;
  throw new BuildError('conflict', what, { hint: `stave stop ${id.slice(0, 12)} ends that` });
}

/** Throws BuildError `conflict` for what cannot be done to a paused container. */
export function refusePaused(state: ContainerState, message: string): void {
  if (state.status !== 'paused') return;
  throw new BuildError('conflict', message, { hint: `stave unpause ${state.name}` });
}
