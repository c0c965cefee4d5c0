import { createHash, randomBytes, type Hash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { noSpace, openNew, writeAll } from '../cache/durable.js';
import { canonicalDigest } from '../model/canonical.js';
import { type Digest, digestFromHex } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import { shownUrl } from '../registry/address.js';
import { type FetchedFile, fetchFile } from '../registry/fetch-file.js';
import type { RemoteSources } from './remote-sources.js';

/** A file of the web as it is now. */
export interface Download {
  readonly digest: Digest;
  /** Milliseconds since the epoch, if the server says. */
  readonly modified: number | undefined;
  /** Where its bytes are; absent when they are what they were the last time. */
  readonly path?: string;
  /** The server's name for it, not to be trusted. */
  readonly disposition?: string;
}

export interface Wanted {
  readonly url: URL;
  readonly checksum?: string | undefined;
  /** The bytes are needed, also when they are known. */
  readonly bytes: boolean;
  /** Told as bytes come. */
  readonly onProgress?: (current: number, total: number | undefined) => void;
}

/**
 * Asks for a file: nothing is asked when `checksum` is that of what came the last time, no bytes come when the server
 * says they are still the same. Throws BuildError `integrity` when they have not the checksum.
 */
export async function download(
  wanted: Wanted,
  remote: RemoteSources,
  scope: Scope,
): Promise<Download> {
  const found = await fetchOrKnown(wanted, remote, scope);
  remote.note({ uri: shownUrl(wanted.url), digests: [found.digest] });
  return found;
}

async function fetchOrKnown(
  wanted: Wanted,
  remote: RemoteSources,
  scope: Scope,
): Promise<Download> {
  const { url, checksum } = wanted;
  const authorization = await authorizationFor(url, remote);
  const key = canonicalDigest(['http', shownUrl(url), url.search, authorization?.secret]);
  const known = wanted.bytes ? undefined : remote.known.get(key);
  const pinned = known !== undefined && checksum !== undefined;
  if (pinned && (known.digest === checksum || known.checksums.includes(checksum)))
    return { digest: known.digest, modified: timeOf(known.lastModified) };
  const file = await fetchFile(await remote.http(), {
    url,
    authorization: authorization?.header,
    etag: known?.etag,
    lastModified: known?.lastModified,
    signal: scope.signal,
  });
  if (file === undefined && known !== undefined) {
    // The same bytes, and other ones are wanted (an algorithm that was not asked for then must look at them).
    if (checksum !== undefined) return fetchOrKnown({ ...wanted, bytes: true }, remote, scope);
    return { digest: known.digest, modified: timeOf(known.lastModified) };
  }
  if (file === undefined) throw new Error('not modified since never');
  const { path, digest } = await receive(file, wanted, remote);
  const { etag, lastModified, disposition } = file;
  remote.known.put(key, {
    digest,
    checksums: checksum === undefined ? [] : [checksum],
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
  });
  const named = disposition === undefined ? {} : { disposition };
  return { path, digest, modified: timeOf(lastModified), ...named };
}

async function receive(
  file: FetchedFile,
  { url, checksum, onProgress }: Wanted,
  remote: RemoteSources,
): Promise<{ path: string; digest: Digest }> {
  const path = join(await remote.temporary(), `download-${randomBytes(8).toString('hex')}`);
  const sha256 = createHash('sha256');
  const check = checksum === undefined ? undefined : checksumHash(checksum);
  const fd = openNew(path);
  let size = 0;
  try {
    for await (const chunk of file.body) {
      writeAll(fd, chunk);
      for (const hash of [sha256, check]) hash?.update(chunk);
      size += chunk.length;
      onProgress?.(size, file.size);
    }
  } catch (error) {
    throw broken(url, noSpace(error, path));
  } finally {
    closeSync(fd);
  }
  const digest = digestFromHex(sha256.digest('hex'));
  if (checksum !== undefined && check !== undefined) verify(checksum, check, url);
  return { path, digest };
}

function checksumHash(checksum: string): Hash {
  return createHash(checksum.slice(0, checksum.indexOf(':')));
}

function verify(checksum: string, hash: Hash, url: URL): void {
  const actual = `${checksum.slice(0, checksum.indexOf(':'))}:${hash.digest('hex')}`;
  if (actual === checksum) return;
  throw new BuildError('integrity', `digest mismatch ${actual}: ${checksum}`, {
    hint: `${shownUrl(url)} is not the file that --checksum means; nothing of it was kept`,
  });
}

/** A body cut short is the server's or the network's doing, no defect of ours. */
function broken(url: URL, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof BuildError || error.name === 'AbortError')
    return error;
  return new BuildError('registry', `${shownUrl(url)} broke off: ${error.message}`, {
    hint: 'build again; nothing of it was kept',
    cause: error,
  });
}

function timeOf(lastModified: string | undefined): number | undefined {
  const time = Date.parse(lastModified ?? '');
  return Number.isNaN(time) ? undefined : time;
}

/** HTTP_AUTH_HEADER_host is the whole header, HTTP_AUTH_TOKEN_host a bearer's token. */
async function authorizationFor(
  url: URL,
  remote: RemoteSources,
): Promise<{ secret: string; header: string } | undefined> {
  for (const host of new Set([url.host, url.hostname])) {
    const header = await remote.secret(`HTTP_AUTH_HEADER_${host}`);
    if (header !== undefined) return { secret: `HTTP_AUTH_HEADER_${host}`, header: header.trim() };
    const token = await remote.secret(`HTTP_AUTH_TOKEN_${host}`);
    if (token !== undefined)
      return { secret: `HTTP_AUTH_TOKEN_${host}`, header: `Bearer ${token.trim()}` };
  }
  return undefined;
}
