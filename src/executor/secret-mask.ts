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
    const text = this.#replace(this.#held + Buffer.from(data).toString('latin1'));
    const keep = Math.max(0, ...this.#secrets.map((secret) => beginning(text, secret)));
    this.#held = text.slice(text.length - keep);
    return Buffer.from(text.slice(0, text.length - keep), 'latin1');
  }

  /** What was kept back, when nothing follows. */
  end(): Buffer {
    const rest = this.#held;
    this.#held = '';
    return Buffer.from(rest, 'latin1');
  }

  #replace(text: string): string {
    let masked = text;
    for (const secret of this.#secrets) masked = masked.replaceAll(secret, () => MASK);
    return masked;
  }
}

/** Length of the longest end of `text` that `secret` begins with. */
function beginning(text: string, secret: string): number {
  const first = secret[0] ?? '';
  let at = text.indexOf(first, Math.max(0, text.length - secret.length + 1));
  while (at !== -1 && !secret.startsWith(text.slice(at))) at = text.indexOf(first, at + 1);
  return at === -1 ? 0 : text.length - at;
}
