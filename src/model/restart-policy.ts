import { BuildError } from './error.js';
import type { RestartPolicy } from './host-config.js';

const NAMES = ['no', 'always', 'on-failure', 'unless-stopped'] as const;

/** `always`, `on-failure:3`. Throws BuildError `usage` in docker's words. */
export function parseRestartPolicy(text: string): RestartPolicy {
  const [name = '', count] = text.split(/:(.*)/s);
  if (name === '' && count !== undefined)
    throw usage('invalid restart policy format: no policy provided before colon');
  if (count !== undefined && count !== '' && !/^[+-]?\d{1,9}$/.test(count))
    throw usage('invalid restart policy format: maximum retry count must be an integer');
  const most = count === undefined || count === '' ? 0 : Number(count);
  const known = NAMES.find((each) => each === (name === '' ? 'no' : name));
  if (known === undefined) {
    const hint = `one of ${NAMES.join(', ')}`;
    throw new BuildError('usage', `invalid restart policy '${name}'`, { hint });
  }
  if (known !== 'on-failure' && most !== 0)
    throw usage(`maximum retry count cannot be used with restart policy '${known}'`);
  if (most < 0) throw usage('maximum retry count cannot be negative');
  return { Name: known, MaximumRetryCount: most };
}

/** How a container came to its end. */
export interface ContainerEnd {
  readonly exitCode: number;
  /** Somebody asked for it: `stop`, `kill`. */
  readonly stopped: boolean;
  /** How often it was started again since somebody started it. */
  readonly restarts: number;
  readonly ranMs: number;
  /** Before its last restart. */
  readonly lastPauseMs: number;
}

const FIRST_MS = 100;
const LONGEST_MS = 60_000;
/** Who ran so long begins anew with the shortest pause. */
const STEADY_MS = 10_000;

/** How long to wait before a container is started again; undefined: it is not (moby, restartmanager). */
export function pauseBeforeRestart(policy: RestartPolicy, end: ContainerEnd): number | undefined {
  if (end.stopped || !wantsRestart(policy, end)) return undefined;
  const last = end.ranMs >= STEADY_MS ? 0 : end.lastPauseMs;
  return last === 0 ? FIRST_MS : Math.min(last * 2, LONGEST_MS);
}

/** Whether docker's daemon would start it when the machine starts: what was stopped by hand only with `always`. */
export function startsWithMachine(policy: RestartPolicy, end: ContainerEnd): boolean {
  return (!end.stopped || policy.Name === 'always') && wantsRestart(policy, end);
}

function wantsRestart({ Name, MaximumRetryCount }: RestartPolicy, end: ContainerEnd): boolean {
  if (Name !== 'on-failure') return Name !== 'no';
  return end.exitCode !== 0 && (MaximumRetryCount === 0 || end.restarts < MaximumRetryCount);
}

function usage(message: string): BuildError {
  return new BuildError('usage', message);
}
