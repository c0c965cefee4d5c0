import type { Healthcheck } from '../model/oci.js';

/** Go's `%+v` of docker's struct, as BuildKit's history has it. */
export function healthText(check: Healthcheck): string {
  const fields = {
    Test: `[${(check.Test ?? []).join(' ')}]`,
    Interval: goDuration(check.Interval),
    Timeout: goDuration(check.Timeout),
    StartPeriod: goDuration(check.StartPeriod),
    StartInterval: goDuration(check.StartInterval),
    Retries: String(check.Retries ?? 0),
  };
  const shown = Object.entries(fields).map(([name, value]) => `${name}:${value}`);
  return `{${shown.join(' ')}}`;
}

/** time.Duration.String of nothing, or of a millisecond and more. */
function goDuration(ns = 0): string {
  if (ns === 0) return '0s';
  if (ns < 1e9) return `${decimal(ns, 6)}ms`;
  const [hours, minutes] = [Math.floor(ns / 3600e9), Math.floor((ns % 3600e9) / 60e9)];
  const head = hours > 0 ? `${String(hours)}h${String(minutes)}m` : '';
  return `${head === '' && minutes > 0 ? `${String(minutes)}m` : head}${decimal(ns % 60e9, 9)}s`;
}

/** `ns` with the point so many digits from the right, without zeros at the end. */
function decimal(ns: number, digits: number): string {
  const text = String(ns).padStart(digits + 1, '0');
  const fraction = text.slice(-digits).replace(/0+$/, '');
  return text.slice(0, -digits) + (fraction === '' ? '' : `.${fraction}`);
}
