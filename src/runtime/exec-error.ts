import { BuildError } from '../model/error.js';

/** argv[0] is not in the container: exit code 127. */
export function programNotFound(program: string): BuildError {
  const why = program.includes('/')
    ? 'no such file or directory'
    : 'executable file not found in $PATH';
  return new BuildError('not-found', `exec: ${JSON.stringify(program)}: ${why}`, {
    hint: /^\/bin\/(?:ba)?sh$/.test(program)
      ? 'the image has no such shell; the JSON form needs none: ["program", "argument"]'
      : 'is it installed in the image, and is it spelled right?',
  });
}

/** It is there and cannot be run: exit code 126. */
export function programNotExecutable(program: string, why: string): BuildError {
  return new BuildError('run-failed', `exec: ${JSON.stringify(program)}: ${why}`);
}
