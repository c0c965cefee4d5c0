import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as TarStream from 'tar-stream';
import { BuildError } from '../model/error.js';
import type { Bytes, EntryFacts } from '../model/stores.js';
import { decodePax, encodePax } from './pax.js';
import { trimEnd } from '../model/trim-end.js';

export type TarType = EntryFacts['type'];

/** One tar header. Strings are latin1: a character is a byte. */
export interface TarHeader extends EntryFacts {
  /** Relative, without leading `./`; directories without trailing `/`. */
  readonly name: string;
  readonly xattrs?: Readonly<Record<string, string>>;
}

export interface TarEntry {
  readonly header: TarHeader;
  readonly body: AsyncIterable<Uint8Array>;
}

interface HeaderCodec {
  encode: (options: Record<string, unknown>) => Buffer | null;
  decodePax: (bytes: Uint8Array) => Record<string, string>;
}

const XATTR = 'SCHILY.xattr.';
const BLOCK = 512;
const LIMIT_NAME = 4096;
let codec: { tar: typeof TarStream; headers: HeaderCodec } | undefined;

/** tar-stream with its PAX decoder replaced by the byte-transparent one (its `exports` hide the module). */
function tarStream(): { tar: typeof TarStream; headers: HeaderCodec } {
  if (codec !== undefined) return codec;
  const require = createRequire(import.meta.url);
  const headers = require(
    join(dirname(require.resolve('tar-stream')), 'headers.js'),
  ) as HeaderCodec;
  headers.decodePax = decodePax;
  codec = { tar: require('tar-stream') as typeof TarStream, headers };
  return codec;
}

/** The 512-byte blocks before an entry's body: a PAX header when ustar cannot say it, then the ustar header. */
export function encodeHeader(header: TarHeader): Buffer {
  const pax = paxOf(header);
  const plain = { ...header, ...(pax['path'] === undefined ? {} : { name: 'pax' }) };
  const ustar = ustarBlock({
    ...plain,
    ...(pax['linkpath'] === undefined ? {} : { linkname: 'pax' }),
  });
  if (ustar === null) throw new Error(`cannot encode tar header of ${JSON.stringify(header.name)}`);
  if (Object.keys(pax).length === 0) return ustar;
  const body = encodePax(pax);
  const first = ustarBlock({ ...PAX_HEADER, size: body.length });
  if (first === null) throw new Error('cannot encode pax header');
  return Buffer.concat([first, body, padding(body.length), ustar]);
}

const PAX_HEADER = {
  name: 'PaxHeader/pax',
  type: 'pax-header',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeNs: 0n,
} as const;

function ustarBlock(
  header: Omit<TarHeader, 'type'> & { type: TarType | 'pax-header' },
): Buffer | null {
  return tarStream().headers.encode({
    ...header,
    name: header.type === 'directory' ? `${header.name}/` : header.name,
    mtime: new Date(Number(header.mtimeNs / 1_000_000n)),
  });
}

const ASCII = /^[\x00-\x7f]*$/;
const OCTAL_7 = 0o7777777;

function paxOf(header: TarHeader): Record<string, string> {
  const pax: Record<string, string> = {};
  const name = header.type === 'directory' ? `${header.name}/` : header.name;
  const { linkname, mtimeNs } = header;
  if (!fitsUstar(name)) pax['path'] = name;
  if (linkname !== undefined && (!ASCII.test(linkname) || linkname.length > 100)) {
    pax['linkpath'] = linkname;
  }
  if (header.uid > OCTAL_7) pax['uid'] = String(header.uid);
  if (header.gid > OCTAL_7) pax['gid'] = String(header.gid);
  const seconds = mtimeNs / 1_000_000_000n;
  if (mtimeNs < 0n || seconds > 0x7fffffffn) pax['mtime'] = String(seconds);
  for (const [key, value] of Object.entries(header.xattrs ?? {})) pax[`${XATTR}${key}`] = value;
  return pax;
}

function fitsUstar(name: string): boolean {
  return name.length <= 100 && ASCII.test(name);
}

/** Zeros up to the next block. */
export function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** Two zero blocks. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * BLOCK);
}

/**
 * Entries of a tar. Bodies may be left unread. Throws BuildError `archive` on a malformed or truncated tar, on names
 * over 4096 bytes and on GNU sparse entries, which it cannot represent.
 */
export async function* tarEntries(bytes: Bytes): AsyncGenerator<TarEntry> {
  // The option is missing from tar-stream's types.
  const options = { filenameEncoding: 'latin1' } as Parameters<typeof TarStream.extract>[0];
  const extract = tarStream().tar.extract(options);
  const fed = feed(bytes, extract);
  try {
    for await (const entry of extract) {
      // A streamx Readable iterates over its chunks; its types do not say so.
      const body = guarded(entry as unknown as Bytes, fed.failure);
      refuseGlobal(extract);
      yield { header: readHeader(entry.header as RawHeader), body };
      entry.resume();
    }
    await fed.done;
  } catch (error) {
    throw fed.failure() ?? asArchiveError(error);
  } finally {
    extract.destroy();
    await fed.done.catch(() => undefined);
  }
}

/** Whoever reads a body meets the same errors as whoever asks for the next entry. */
async function* guarded(body: Bytes, failure: () => unknown): Bytes {
  try {
    yield* body;
  } catch (error) {
    throw failure() ?? asArchiveError(error);
  }
}

/** Pushes bytes into the extractor at its pace; an error of the source is kept, to be told from a bad tar. */
function feed(bytes: Bytes, extract: TarStream.Extract) {
  let failure: unknown;
  const stopped = new Promise<void>((resolve) => {
    extract.once('close', () => {
      resolve();
    });
  });
  const done = (async () => {
    try {
      for await (const chunk of bytes) {
        if (extract.destroyed) return;
        if (extract.write(chunk)) continue;
        await Promise.race([drained(extract), stopped]);
      }
      extract.end(undefined);
    } catch (error) {
      failure = error;
      extract.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  })();
  return { done, failure: () => failure };
}

function drained(extract: TarStream.Extract): Promise<void> {
  return new Promise((resolve) => {
    extract.once('drain', () => {
      resolve();
    });
  });
}

function asArchiveError(error: unknown): unknown {
  if (error instanceof BuildError || !(error instanceof Error)) return error;
  if (error.name === 'AbortError') return error;
  return new BuildError('archive', `not a valid tar: ${error.message}`, { cause: error });
}

/** What tar-stream really hands out: fields of odd entries are null, `pax` holds latin1 records. */
interface RawHeader {
  readonly name: string;
  readonly type: string | null;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: Date;
  readonly linkname: string | null;
  readonly devmajor: number;
  readonly devminor: number;
  readonly pax: Readonly<Record<string, string>> | null;
}

/** Readers differ in whether a global header counts (GNU tar) or not (docker): one that moves members is refused. */
function refuseGlobal(extract: TarStream.Extract): void {
  // tar-stream keeps it to itself, and mixes it into some members only.
  const global = (extract as { readonly _paxGlobal?: Readonly<Record<string, string>> | null })
    ._paxGlobal;
  const key = ['path', 'linkpath', 'size'].find((each) => global?.[each] !== undefined);
  if (key !== undefined)
    throw new BuildError('archive', `a global tar header with a ${key} for all members`);
}

function readHeader(header: RawHeader): TarHeader {
  const pax = header.pax ?? {};
  const name = trimEnd(header.name, '/').replace(/^(\.\/+)+/, '');
  if (header.type === null || 'GNU.sparse.major' in pax) {
    throw new BuildError('archive', `sparse or unknown tar entry ${JSON.stringify(name)}`);
  }
  if (name.length > LIMIT_NAME || (header.linkname?.length ?? 0) > LIMIT_NAME) {
    throw new BuildError('archive', `tar entry name of ${String(name.length)} bytes is too long`);
  }
  const xattrs = Object.entries(pax)
    .filter(([key]) => key.startsWith(XATTR))
    .map(([key, value]) => [key.slice(XATTR.length), value] as const);
  return {
    name: name === '.' ? '' : name,
    type: typeOf(header.type, name),
    mode: header.mode & 0o7777,
    uid: number(pax['uid'], header.uid),
    gid: number(pax['gid'], header.gid),
    size: header.size,
    mtimeNs: mtimeOf(pax['mtime'], header.mtime),
    ...(header.linkname === null ? {} : { linkname: header.linkname }),
    devmajor: header.devmajor,
    devminor: header.devminor,
    ...(xattrs.length === 0 ? {} : { xattrs: Object.fromEntries(xattrs) }),
  };
}

function typeOf(type: string, name: string): TarType {
  if (type === 'contiguous-file') return 'file';
  if (TYPES.has(type)) return type as TarType; // A member of the set is a TarType.
  throw new BuildError('archive', `unknown tar entry type ${type} of ${JSON.stringify(name)}`);
}

const TYPES = new Set(
  ['file', 'link', 'symlink', 'character-device', 'block-device'].concat(['directory', 'fifo']),
);

function number(pax: string | undefined, plain: number): number {
  const value = pax === undefined ? plain : Number(pax);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new BuildError('archive', `tar entry with owner ${JSON.stringify(pax ?? plain)}`);
}

/** PAX times are decimal seconds with a fraction. */
function mtimeOf(pax: string | undefined, plain: Date): bigint {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(pax ?? '');
  if (match === null) return BigInt(plain.getTime()) * 1_000_000n;
  const fraction = BigInt((match[3] ?? '').padEnd(9, '0').slice(0, 9));
  const ns = BigInt(match[2] ?? 0) * 1_000_000_000n + fraction;
  return match[1] === '-' ? -ns : ns;
}
