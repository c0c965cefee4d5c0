/** A problem of one instruction, thrown where it is found and given its place by `parseDockerfile`. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: 'syntax' | 'unsupported';
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string; code?: 'syntax' | 'unsupported' } = {}) {
    super(message);
    this.code = options.code ?? 'syntax';
    this.hint = options.hint;
  }
}

/** Understood, and refused until it is built. */
export function notYet(what: string): Problem {
  return new Problem(`${what} is not supported yet`, { code: 'unsupported' });
}
