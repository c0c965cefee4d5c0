import { createHash, type Hash } from 'node:crypto';

declare const brand: unique symbol;
/** A string that only a constructor of its own kind may produce. */
export type Branded<Name extends string> = string & { readonly [brand]: Name };

/** `sha256:<64 hex>` of stored bytes (OCI image-spec, descriptor.md, "Digests"). */
export type Digest = Branded<'Digest'>;
/** Digest of an uncompressed layer tar (OCI image-spec, config.md, "Layer DiffID"). */
export type DiffID = Digest & { readonly diffID?: never };
/** Digest over what a tree of files means: never mtime, inode or order (ARCHITECTURE.md, "Tree digest"). */
export type TreeDigest = Digest & { readonly treeDigest?: never };
/** Digest of everything that decides the result of a step. */
export type CacheKey = Digest & { readonly cacheKey?: never };

const PATTERN = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return PATTERN.test(text);
}

/** Throws `TypeError` on anything but `sha256:<64 lower-case hex>`. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw new TypeError(`not a sha256 digest: ${JSON.stringify(text)}`);
  return text;
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return digestOfHash(createHash('sha256').update(bytes));
}

/** Of a finished sha256: its text needs no check. */
export function digestOfHash(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}` as Digest;
}

export function digestFromHex(hex: string): Digest {
  return parseDigest(`sha256:${hex}`);
}

/** The 64 hex characters after `sha256:`. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** The first twelve hex characters, as docker prints ids. */
export function shortId(digest: Digest): string {
  return hexOf(digest).slice(0, 12);
}
