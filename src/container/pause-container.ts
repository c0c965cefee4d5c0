import type { ContainerState } from '../model/container.js';
import { BuildError } from '../model/error.js';
import { freeze, thaw } from './freeze.js';
import { type FreezeDeps, takeTurn } from './stand-still.js';

/** Stops all of a container's processes where they are. Throws BuildError `conflict` in docker's words. */
export async function pauseContainer(given: ContainerState, deps: FreezeDeps): Promise<void> {
  const { containers } = deps;
  refuseRestarting(given);
  if (!containers.isRunning(given.id)) throw notRunning(given.id);
  await using turn = await takeTurn(given, deps);
  const { state } = turn;
  if (state.status === 'paused') {
    throw new BuildError('conflict', `container ${state.id} is already paused`, {
      hint: `stave unpause ${state.name}`,
    });
  }
  if (state.status !== 'running') throw notRunning(state.id);
  await freeze(state);
  containers.save({ ...state, status: 'paused' });
  containers.tell(state, 'pause');
}

/** Lets them go on. Throws BuildError `conflict` when it is not paused. */
export async function unpauseContainer(given: ContainerState, deps: FreezeDeps): Promise<void> {
  const { containers } = deps;
  refuseUnpaused(given);
  await using turn = await takeTurn(given, deps);
  const { state } = turn;
  refuseUnpaused(state);
  // First: of one that is said to run, whoever comes next lets the processes go on.
  containers.save({ ...state, status: 'running' });
  thaw(state);
  containers.tell(state, 'unpause');
}

function refuseUnpaused({ id, status }: ContainerState): void {
  if (status !== 'paused') throw new BuildError('conflict', `Container ${id} is not paused`);
}

function notRunning(id: string): BuildError {
  return new BuildError('conflict', `container ${id} is not running`);
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
