import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { GhaCache } from '../model/cache-options.js';
import { digestOf } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Descriptor } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { getAzureBlob, putAzureBlob } from './azure-blob.js';
import { type CacheDocument, MAX_CONFIG, type WritableCacheBackend } from './backend.js';
import { flatDocument, joinDocuments, readFlatDocument } from './flat-document.js';
import { ghaKeys } from './gha-keys.js';
import { type GhaService, ghaService } from './gha-service.js';
import { ghaSettings } from './gha-settings.js';

const BLOB_PREFIX = 'buildkit-blob-1-';

/**
 * The cache of GitHub Actions, in BuildKit's keys: a blob is an entry, the config is an entry whose number grows, one for
 * each branch. A run reads its own branch's and its base's.
 */
export function ghaBackend(options: GhaCache, env: NodeJS.ProcessEnv): WritableCacheBackend {
  const settings = ghaSettings(options, env);
  const service = ghaService(settings, env);
  const name = `gha ${options.scope ?? 'buildkit'}`;
  const indexKey = (scope: string): string =>
    `index-${options.scope ?? 'buildkit'}-1-${createHash('sha256').update(scope).digest('hex').slice(0, 8)}`;
  const listed = ghaKeys(options, BLOB_PREFIX, settings.scopes, env, service);
  return {
    name,
    read: async (scope) => {
      const each = await Promise.all(
        settings.scopes.map((branch) => readIndex(service, indexKey(branch), name, scope)),
      );
      const documents = each.filter((document) => document !== undefined);
      return joinDocuments(documents, `the cache ${name}`);
    },
    blob: (blob, scope) => download(service, blob, scope),
    has: async (blob, scope) => {
      const keys = await listed(scope);
      const key = blobKey(blob);
      return keys?.has(key) ?? (await service.find(key, scope))?.key === key;
    },
    put: async (blob, bytes, scope) => {
      await save(service, blobKey(blob), { size: blob.size, bytes }, scope);
    },
    write: async (document, scope) => {
      if (settings.writes === undefined) {
        throw new BuildError('auth', 'this run may not write to the github actions cache', {
          hint: 'a pull request from a fork may only read',
        });
      }
      await writeIndex(service, indexKey(settings.writes), flatDocument(document), scope);
    },
  };
}

function blobKey({ digest }: Descriptor): string {
  return `${BLOB_PREFIX}${digest}`;
}

async function readIndex(
  service: GhaService,
  key: string,
  name: string,
  scope: Scope,
): Promise<CacheDocument | undefined> {
  const entry = await service.find(`${key}#`, scope);
  if (entry === undefined) return undefined;
  const http = await service.http();
  const response = await http({ method: 'GET', url: entry.url, headers: {}, signal: scope.signal });
  if (response.status === 200)
    return readFlatDocument(await response.bytes(MAX_CONFIG), `the cache ${name}`);
  await response.discard();
  throw new BuildError('registry', `${entry.url.host}: status ${String(response.status)}`);
}

async function* download(service: GhaService, blob: Descriptor, scope: Scope): Bytes {
  const key = blobKey(blob);
  const locate = async (): Promise<URL> => {
    const entry = await service.find(key, scope);
    if (entry?.key === key) return entry.url;
    throw new BuildError('not-found', `the github actions cache lacks blob ${blob.digest}`);
  };
  yield* getAzureBlob(locate, blob, await service.http(), scope);
}

/** False when the key is taken: by somebody who writes the same, or wrote it. */
async function save(
  service: GhaService,
  key: string,
  what: { readonly size: number; readonly bytes: () => Bytes },
  scope: Scope,
): Promise<boolean> {
  const place = await service.reserve(key, scope);
  if (place === undefined) return false;
  await putAzureBlob(place, what, await service.http(), scope);
  await service.commit(key, what.size, scope);
  return true;
}

const WAIT_MS = 2000;
/** A number that was reserved and never written to: whoever did that is gone. */
const GONE_MS = 15_000;

/** Entries never change: the next number is a new one, and the newest is what is read. */
async function writeIndex(
  service: GhaService,
  key: string,
  bytes: Buffer,
  scope: Scope,
): Promise<void> {
  const what = { size: bytes.length, bytes: () => once(bytes) };
  let waited = 0;
  for (let skipped = 0; ;) {
    const before = await service.find(`${key}#`, scope);
    if (before !== undefined && (await isSame(service, before.url, bytes, scope))) return;
    const last = Number(before?.key.slice(key.length + 1) ?? 0);
    if (!Number.isSafeInteger(last))
      throw new BuildError('registry', 'the index of the github actions cache is malformed');
    if (await save(service, `${key}#${String(last + 1 + skipped)}`, what, scope)) return;
    if (waited > GONE_MS) skipped++;
    else {
      waited += WAIT_MS;
      await delay(WAIT_MS, undefined, { signal: scope.signal }).catch(() => {
        scope.signal.throwIfAborted();
      });
    }
  }
}

/** Nothing new: nothing is written, for a repository's writes are counted. */
async function isSame(
  service: GhaService,
  url: URL,
  bytes: Buffer,
  { signal }: Scope,
): Promise<boolean> {
  const http = await service.http();
  const response = await http({ method: 'GET', url, headers: {}, signal });
  if (response.status !== 200) {
    await response.discard();
    return false;
  }
  return digestOf(await response.bytes(MAX_CONFIG)) === digestOf(bytes);
}

// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
async function* once(bytes: Uint8Array): Bytes {
  yield bytes;
}
