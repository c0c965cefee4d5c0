import type { ExitStatus } from '../model/process.js';

/** What an exit status of a shell usually means, as the next thing to look at. */
export function exitHint(exit: ExitStatus, args: readonly string[]): string | undefined {
  const script = args.at(-1) ?? '';
  // The JSON form with single quotes is no JSON: it reached the shell as text.
  if (/^\s*\[\s*'/.test(script)) return `the JSON form wants double quotes: ["echo", "hello"]`;
  if (exit.code === 127) {
    return 'a command was not found: is it installed, and spelled right? (a script whose lines end with CR says the same)';
  }
  if (exit.code === 126) return 'a file may not be executed: COPY --chmod=755 makes it so';
  if (exit.code === 137 || exit.signal === 'SIGKILL')
    return 'it was killed: was there enough memory?';
  return undefined;
}
