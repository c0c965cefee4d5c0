import { BuildError } from '../model/error.js';
import { throwDiagnostics } from './diagnostics.js';
import type { Diagnostic } from './instruction.js';

/** Thrown in the place of a problem that is among the findings already. */
class Abandoned extends Error {
  override readonly name = 'Abandoned';
}

/** The problems that lowering meets, so that all of them can be told at once. */
export class Findings {
  readonly #found: Diagnostic[] = [];

  /** Keeps a problem of the Dockerfile with its place; anything else is thrown on. */
  keep(error: unknown): void {
    if (error instanceof Abandoned) return;
    if (!(error instanceof BuildError) || error.range === undefined) throw error;
    const { code, message, range, hint } = error;
    if (code !== 'syntax' && code !== 'unsupported') throw error;
    this.#found.push({ code, message, range, ...(hint === undefined ? {} : { hint }) });
  }

  /** The same, and what was at work is given up: what follows from it would say nothing new. */
  abandon(error: unknown): never {
    this.keep(error);
    throw new Abandoned();
  }

  /** Runs the whole lowering; its problems are thrown together, before any other failure. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      throwDiagnostics(this.#found);
      return result;
    } catch (error) {
      throwDiagnostics(this.#found);
      throw error;
    }
  }
}
