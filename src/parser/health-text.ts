import type { Healthcheck } from '../model/oci.js';

/** Go's `%q` of docker's struct, as BuildKit's history has it. */
export function healthText(check: Healthcheck): string {
  const test = `[${(check.Test ?? []).map((arg) => JSON.stringify(arg)).join(' ')}]`;
  const times = [check.Interval, check.Timeout, check.StartPeriod].map((ns) =>
    JSON.stringify(goDuration(ns ?? 0)),
  );
  return `&{${test} ${times.join(' ')} ${goRune(check.Retries ?? 0)}}`;
}

function goRune(value: number): string {
  return `'\\x${value.toString(16).padStart(2, '0')}'`;
}

/** time.Duration.String for whole milliseconds. */
function goDuration(ns: number): string {
  if (ns === 0) return '0s';
  if (ns < 1e9) return `${String(ns / 1e6)}ms`;
  const seconds = ns / 1e9;
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  const head = h > 0 ? `${String(h)}h${String(m)}m` : m > 0 ? `${String(m)}m` : '';
  return `${head}${String(s)}s`;
}
