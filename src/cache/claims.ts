import type { Lease } from './lease.js';

/** What this process uses of the store: nobody removes it. */
export interface Claims {
  /** Whoever claims looks afterwards whether it is there. */
  readonly claim: (ids: readonly string[]) => void;
  /**
   * Until a lease is taken anyway claims are only remembered: taking one costs a cached build a fifth of its time. Where
   * one is held already (a context was fetched) nothing is deferred.
   */
  readonly defer: () => void;
  /** Writes down what was remembered, into a lease that was just taken. */
  readonly settle: (lease: Lease) => void;
  /** True when something that was only remembered is gone by now: what was done with it is to be done again. */
  readonly lost: () => boolean;
}

/** `isHeld`: whether a lease is held already. */
export function createClaims(
  lease: () => Lease,
  isHeld: () => boolean,
  isThere: (id: string) => boolean,
): Claims {
  const remembered = new Set<string>();
  let [deferred, missing] = [false, false];
  const lost = (): boolean => (missing ||= [...remembered].some((id) => !isThere(id)));
  return {
    claim: (ids) => {
      if (!deferred) lease().claim(ids);
      // What is not there now is a miss, and no loss.
      else for (const id of ids) if (isThere(id)) remembered.add(id);
    },
    defer: () => {
      deferred = !isHeld();
    },
    settle: (taken) => {
      deferred = false;
      taken.claim([...remembered]);
      lost();
      remembered.clear();
    },
    lost: () => {
      const was = lost();
      missing = false;
      return was;
    },
  };
}
