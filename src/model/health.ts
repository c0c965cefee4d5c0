import type { Healthcheck, RunConfig } from './oci.js';

/** docker's `.State.Health`. */
export interface Health {
  readonly Status: 'starting' | 'healthy' | 'unhealthy';
  readonly FailingStreak: number;
  /** The last five, oldest first. */
  readonly Log: readonly ProbeResult[];
}

export interface ProbeResult {
  /** RFC 3339. */
  readonly Start: string;
  readonly End: string;
  /** 0 is well; -1: it could not be run, or not in time. */
  readonly ExitCode: number;
  readonly Output: string;
}

const SECOND = 1e9;
const DEFAULTS = { Interval: 30 * SECOND, Timeout: 30 * SECOND, StartInterval: 5 * SECOND };
const RETRIES = 3;
const LOGGED = 5;

/** The command line of a container's health check; undefined: it has none. */
export function probeOf({ Healthcheck: check, Shell }: RunConfig): readonly string[] | undefined {
  const [kind, ...words] = check?.Test ?? [];
  if (kind === 'CMD') return words;
  if (kind !== 'CMD-SHELL') return undefined;
  const shell = Shell !== undefined && Shell.length > 0 ? Shell : ['/bin/sh', '-c'];
  return [...shell, words[0] ?? ''];
}

/** Nanoseconds of a duration that is given or has a default. */
export function healthDuration(check: Healthcheck, name: keyof typeof DEFAULTS): number {
  const given = check[name] ?? 0;
  return given === 0 ? DEFAULTS[name] : given;
}

/** How long to wait for the next probe: shorter in the beginning, as long as none went well. */
export function pauseBeforeProbe(
  check: Healthcheck,
  { Status }: Pick<Health, 'Status'>,
  sinceStartNs: number,
): number {
  const starts = sinceStartNs < (check.StartPeriod ?? 0) && Status === 'starting';
  return healthDuration(check, starts ? 'StartInterval' : 'Interval');
}

/** Of a container that just started; what was logged in its last life stays. */
export function startingHealth(before: Health | undefined): Health {
  return { Status: 'starting', FailingStreak: 0, Log: before?.Log ?? [] };
}

/** What a probe makes of it. `sinceStartNs`: when the probe began. */
export function healthAfter(
  before: Health,
  result: ProbeResult,
  { check, sinceStartNs }: { readonly check: Healthcheck; readonly sinceStartNs: number },
): Health {
  const Log = [...before.Log, result].slice(-LOGGED);
  if (result.ExitCode === 0) return { Status: 'healthy', FailingStreak: 0, Log };
  // Who never was well and is still starting has not failed yet.
  if (before.Status === 'starting' && sinceStartNs < (check.StartPeriod ?? 0))
    return { ...before, Log };
  const FailingStreak = before.FailingStreak + 1;
  const retries = (check.Retries ?? 0) > 0 ? (check.Retries ?? 0) : RETRIES;
  return { Status: FailingStreak >= retries ? 'unhealthy' : before.Status, FailingStreak, Log };
}

/** What was asked on top of what the image says: what is not given is the image's. */
export function mergedHealthcheck(
  given: Healthcheck | undefined,
  image: Healthcheck | undefined,
): Healthcheck | undefined {
  if (given === undefined) return image;
  const own = Object.entries(given).filter(([, value]) => value !== 0);
  return { ...image, ...(Object.fromEntries(own) as Healthcheck) }; // Keys and values are given's.
}
