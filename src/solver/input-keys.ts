import type { CacheKey, Digest } from '../model/digest.js';
import type { KeyPart, Op, Result } from '../model/op.js';
import type { Scope } from '../model/scope.js';
import { contentKey } from './keys.js';

/** Keys of a step by what its inputs hold. */
export interface InputKeys {
  /** By all of it: inputs that are elsewhere need not come for it where their digests are known. */
  readonly whole: () => Promise<CacheKey>;
  /** By what the step reads of it: the same as `whole` where it may read all. */
  readonly content: () => Promise<CacheKey>;
}

export function inputKeys<R extends Result>(
  { op, opDigest }: { readonly op: Op<R>; readonly opDigest: Digest },
  inputs: readonly R[],
  scope: Scope,
): InputKeys {
  const digests = inputs.map(async (input, i): Promise<KeyPart> => {
    return { name: `input ${String(i)}`, digest: await input.digest(scope) };
  });
  const all = Promise.all(digests);
  all.catch(() => undefined); // Whoever asks for a key is told.
  const whole = async (): Promise<CacheKey> => contentKey(opDigest, await all);
  const content = async (): Promise<CacheKey> => {
    const parts = await op.content?.(inputs, scope);
    return parts === undefined ? whole() : contentKey(opDigest, parts);
  };
  return { whole, content };
}
