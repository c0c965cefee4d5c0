import { readFileSync } from 'node:fs';

/** The lines of /proc/self/mountinfo that name one of these directories: others mount things meanwhile. */
export function mountsOf(...dirs: readonly string[]): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  return lines.filter((line) => dirs.some((dir) => line.includes(dir)));
}
