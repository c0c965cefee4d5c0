import type { ExitStatus } from '../model/process.js';
import { privileges } from '../sys/privileges.js';
import { SUBORDINATE_IDS } from '../sys/subordinate-ids.js';

/** What an exit status of a shell and the last lines it wrote usually mean, as the next thing to look at. */
export function exitHint(
  exit: ExitStatus,
  args: readonly string[],
  said: readonly string[],
): string | undefined {
  const script = args.at(-1) ?? '';
  // The JSON form with single quotes is no JSON: it reached the shell as text.
  if (/^\s*\[\s*'/.test(script)) return `the JSON form wants double quotes: ["echo", "hello"]`;
  if (exit.code === 127) {
    return 'a command was not found: is it installed, and spelled right? (a script whose lines end with CR says the same)';
  }
  if (exit.code === 126) return 'a file may not be executed: COPY --chmod=755 makes it so';
  if (exit.code === 137 || exit.signal === 'SIGKILL')
    return 'it was killed: was there enough memory?';
  if (said.some((line) => line.includes('No space left on device'))) {
    return "the disk of stave's store is full (or a tmpfs of the step), of bytes (df) or of files (df -i): free some space there, or remove images with: stave image rm";
  }
  if (privileges().idCount === 1 && said.some((line) => line.includes('Invalid argument')))
    return `no file can be given another owner than root here (rung 3); to change that: ${SUBORDINATE_IDS}`;
  return undefined;
}
