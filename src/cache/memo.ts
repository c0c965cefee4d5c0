import { LRUCache } from 'lru-cache';

/** A bounded memory of what was decoded once: by key, least recently used out first. */
export interface Memo<V extends object> {
  readonly get: (key: string, make: () => V) => V;
}

/** `maxBytes` counts what `size` says of each value (its encoded length). */
export function createMemo<V extends object>(
  maxBytes: number,
  size: (value: V) => number,
): Memo<V> {
  const cache = new LRUCache<string, V>({ maxSize: maxBytes, sizeCalculation: size });
  return {
    get: (key, make) => {
      const known = cache.get(key);
      if (known !== undefined) return known;
      const value = make();
      cache.set(key, value);
      return value;
    },
  };
}
