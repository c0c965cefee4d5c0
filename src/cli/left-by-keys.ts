import { say } from './command.js';

/** How docker's `attach` and `exec` end when the detach keys were pressed: the exit code. */
export function leftByKeys(stderr: NodeJS.WriteStream): number {
  say(stderr, 'read escape sequence\n');
  return 1;
}
