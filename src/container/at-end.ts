import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/*
 * A monitor gets the program that runs at its container's end when it starts, but whether one is needed may change while
 * the container runs (`update --restart`): a file says it. Most containers need none, and are spared the start of one.
 */

/** `"$@" now` starts the container again: the pause before costs a shell and a sleep, not a whole engine. */
const SCRIPT =
  'cd / && [ -e "$0" ] && pause=$(env "$@") && [ -n "$pause" ] && sleep "$pause" && exec env "$@" now';

/** argv for the monitor of the container in `dir`; `program` may begin with variables. */
export function atEnd(dir: string, program: readonly string[]): readonly string[] {
  return ['/bin/sh', '-c', SCRIPT, join(dir, 'at-end'), ...program];
}

/** Whether the program is to run. */
export function setAtEnd(dir: string, runs: boolean): void {
  if (runs) writeFileSync(join(dir, 'at-end'), '', { mode: 0o600 });
  else rmSync(join(dir, 'at-end'), { force: true });
}
