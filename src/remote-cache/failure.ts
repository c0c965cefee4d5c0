import type { BuildError } from '../model/error.js';

/** A cache broke off while a build was using it: the build is to be done without it. Never seen by a user. */
export class CacheFailure extends Error {
  override readonly name = 'CacheFailure';
  /** Which of the build's caches. */
  readonly cache: number;

  override readonly cause: BuildError;

  constructor(cache: number, cause: BuildError) {
    super(cause.message);
    this.cache = cache;
    this.cause = cause;
  }
}
