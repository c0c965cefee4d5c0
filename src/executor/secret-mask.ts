const MASK = '****';

/**
 * Replaces secrets in a stream by `****`, also one that is split between chunks: the end of a chunk that may begin a
 * secret is kept back until the next, or until `end`.
 */
export class SecretMask {
  readonly #secrets: readonly string[];
  #held = '';

  /** Longest first, so that a secret within another does not leave the rest of it. */
  constructor(secrets: readonly Buffer[]) {
    this.#secrets = secrets
      .map((secret) => secret.toString('latin1'))
      .sort((a, b) => b.length - a.length);
  }

  add(data: Uint8Array): Buffer {
    let rest = this.#held + Buffer.from(data).toString('latin1');
    let shown = '';
    for (;;) {
      const found = this.#first(rest);
      const begins =
        rest.length - Math.max(0, ...this.#secrets.map((each) => beginning(rest, each)));
      // One that begins no later may turn out to be the longer one.
      if (found === undefined || begins <= found.at) {
        this.#held = rest.slice(begins);
        return Buffer.from(shown + rest.slice(0, begins), 'latin1');
      }
      shown += rest.slice(0, found.at) + MASK;
      rest = rest.slice(found.at + found.length);
    }
  }

  /** What was kept back, when nothing follows. */
  end(): Buffer {
    let rest = this.#held;
    let shown = '';
    this.#held = '';
    for (let found = this.#first(rest); found !== undefined; found = this.#first(rest)) {
      shown += rest.slice(0, found.at) + MASK;
      rest = rest.slice(found.at + found.length);
    }
    return Buffer.from(shown + rest, 'latin1');
  }

  /** The first secret in a text; of those that begin there, the longest. */
  #first(text: string): { readonly at: number; readonly length: number } | undefined {
    let first: { readonly at: number; readonly length: number } | undefined;
    for (const secret of this.#secrets) {
      const at = text.indexOf(secret);
      if (at !== -1 && (first === undefined || at < first.at))
        first = { at, length: secret.length };
    }
    return first;
  }
}

/** Length of the longest end of `text` that `secret` begins with. */
function beginning(text: string, secret: string): number {
  const first = secret[0] ?? '';
  let at = text.indexOf(first, Math.max(0, text.length - secret.length + 1));
  while (at !== -1 && !secret.startsWith(text.slice(at))) at = text.indexOf(first, at + 1);
  return at === -1 ? 0 : text.length - at;
}
