import { BuildError } from '../model/error.js';

/** An error with an exit code of docker's own: 125 of flags, 64 of a template that cannot be read. */
export class ExitError extends BuildError {
  readonly exitCode: number;

  constructor({ code, message, hint }: BuildError, exitCode: number) {
    super(code, message, hint === undefined ? {} : { hint });
    this.exitCode = exitCode;
  }
}

/** What `work` gives; its usage errors with that exit code. */
export function withExitCode<T>(exitCode: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof BuildError && error.code === 'usage') throw new ExitError(error, exitCode);
    throw error;
  }
}
