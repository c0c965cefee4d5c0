/** A cache broke off while a build was using it: the build is to be done without it. Never seen by a user. */
export class CacheFailure extends Error {
  override readonly name = 'CacheFailure';
  /** Which of the build's caches. */
  readonly cache: number;

  constructor(cache: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.cache = cache;
  }
}
