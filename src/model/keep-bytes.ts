/** How much of the build cache stays; 0 or absent: no such limit. */
export interface CacheBudget {
  /** Never less than this is kept. */
  readonly reserved?: number;
  /** No more than this is kept. */
  readonly most?: number;
  /** So much of the disk is to be free afterwards. */
  readonly minFree?: number;
}

/** The bytes of a cache of `total` to keep, with `free` bytes free on its disk (BuildKit, calculateKeepBytes). */
export function keepBytes(
  { reserved = 0, most = 0, minFree = 0 }: CacheBudget,
  total: number,
  free: number,
): number {
  if (most === 0 && minFree === 0) return reserved;
  const excess = Math.max(0, minFree - free);
  const capped = most === 0 ? total : Math.min(most, total);
  return Math.max(reserved, Math.min(capped, Math.max(0, total - excess)));
}
