import type { CacheFrom, CacheTo } from '../model/cache-options.js';
import { BuildError, unreachable } from '../model/error.js';
import { parseReference } from '../model/reference.js';
import type { RegistryDeps } from '../registry/endpoint.js';
import type { CacheBackend, WritableCacheBackend } from './backend.js';
import { ghaBackend } from './gha-backend.js';
import { localBackend, localCache } from './local-backend.js';
import { registryBackend } from './registry-backend.js';
import { s3Backend } from './s3-backend.js';

/** Where `--cache-from` points. Throws BuildError on a malformed name. */
export function openCacheFrom(from: CacheFrom, registry: RegistryDeps): CacheBackend {
  switch (from.type) {
    case 'registry':
      return registryBackend(from, registry);
    case 'local':
      return localCache(from);
    case 's3':
      return s3Backend(from, registry);
    case 'gha':
      return ghaBackend(from, registry.env);
    default:
      return unreachable(from);
  }
}

/** Where `--cache-to` points; an inline cache travels in the image and has no place of its own. */
export function openCacheTo(
  to: Exclude<CacheTo, { readonly type: 'inline' }>,
  registry: RegistryDeps,
): WritableCacheBackend {
  switch (to.type) {
    case 'registry':
      checkTag(to.ref);
      return registryBackend(to, registry);
    case 'local':
      return localBackend(to);
    case 's3':
      return s3Backend(to, registry);
    case 'gha':
      return ghaBackend(to, registry.env);
    default:
      return unreachable(to);
  }
}

/** What has a digest is there already, or is something else. */
function checkTag(ref: string): void {
  if (parseReference(ref).digest === undefined) return;
  throw new BuildError(
    'usage',
    `--cache-to: ${ref} has a digest, and a cache is written by a name`,
    {
      hint: 'name a tag: ref=HOST/NAME:TAG',
    },
  );
}
