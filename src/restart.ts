import { openLayers } from './commit.js';
import { startContainer } from './container/start-container.js';
import { companions } from './companions.js';
import { type ContainerState, isUp } from './model/container.js';
import { startsWithMachine } from './model/restart-policy.js';
import { openWorkshop, type Workshop } from './workshop.js';

/**
 * Run by a container's monitor when the container ended: what is to be removed is, as containers are listed. Gives how
 * many seconds to wait before it is to be started again, '' for one that is not. With `now`, starts it.
 */
export async function endOf(
  root: string,
  id: string,
  now: 'now' | undefined,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  await using workshop = openWorkshop(root, env);
  const state = workshop.containers.list().find((each) => each.id === id);
  if (state?.status !== 'restarting') return '';
  if (now === undefined) return String((state.pauseMs ?? 0) / 1000);
  const snapshot = await openLayers(state, workshop);
  const how = { ...companions(workshop), attached: false, again: true };
  await startContainer(state, { ...workshop, snapshot, ...how });
  return '';
}

/** Those that do not run and would, were there a daemon that starts with the machine. Oldest first. */
export function containersDue({ containers }: Workshop): readonly ContainerState[] {
  return containers.list().reverse().filter(isDue);
}

function isDue(state: ContainerState): boolean {
  const { started, exitCode, stopped, hostConfig } = state;
  if (started === undefined || isUp(state)) return false;
  const end = { exitCode, stopped: stopped === true, restarts: 0, ranMs: 0, lastPauseMs: 0 };
  return startsWithMachine(hostConfig.RestartPolicy, end);
}
