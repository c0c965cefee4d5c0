import { lstatSync, readFileSync } from 'node:fs';
import { BuildError } from '../model/error.js';
import type { ProcessSpec } from '../model/process.js';
import { privileges } from '../sys/privileges.js';
import { cannotRun, UNCONFINED } from './blocked.js';
import { programNotExecutable, programNotFound } from './exec-error.js';

/** A process that ends with an error leaves no line here; a runtime that could not start it does. */
export function throwRuntimeFailure(log: string, spec: Pick<ProcessSpec, 'args' | 'cwd'>): void {
  const lines =
    lstatSync(log, { throwIfNoEntry: false }) === undefined
      ? []
      : readFileSync(log, 'utf8').split('\n');
  const errors = lines.filter((line) => line.includes('"error"')).map(messageOf);
  const [message] = errors;
  if (message === undefined) return;
  // Something of ours was not there, or could not be mounted: nothing of the program's.
  if (/\bmount `|error mounting/i.test(message)) throw notStarted(message);
  const program = spec.args[0] ?? '';
  if (/\bchdir\b|Cwd must be/i.test(message)) throw notEntered(spec.cwd, message);
  if (/not found|no such file/i.test(message)) throw programNotFound(program);
  // crun opens what it will execute: a directory is refused with EPERM there.
  if (/open executable: operation not permitted|is a directory/i.test(message))
    throw programNotExecutable(program, 'is a directory');
  if (/permission denied/i.test(message)) throw programNotExecutable(program, 'permission denied');
  if (/exec format/i.test(message)) throw programNotExecutable(program, 'exec format error');
  // A container without privileges has more ways to refuse than can be tried beforehand.
  if (privileges().userNamespace && /operation not permitted/i.test(message))
    throw cannotRun({ what: message, remedy: UNCONFINED });
  throw notStarted(message);
}

/** Of the working directory, not of the program: docker's code is that of what cannot be run. */
function notEntered(cwd: string, message: string): BuildError {
  const why = message.split(': ').at(-1)?.toLowerCase() ?? '';
  return new BuildError('run-failed', `exec: chdir to cwd (${JSON.stringify(cwd)}): ${why}`, {
    hint: 'name a directory that is in the container',
  });
}

function notStarted(message: string): BuildError {
  return new BuildError('runtime', `the container could not be started: ${message}`);
}

function messageOf(line: string): string {
  try {
    return (JSON.parse(line) as { msg?: string }).msg ?? line;
  } catch {
    return line;
  }
}
