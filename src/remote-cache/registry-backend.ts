import { BuildError } from '../model/error.js';
import type { CacheDocumentForm, RegistryCacheFrom } from '../model/cache-options.js';
import { type Digest, digestOf } from '../model/digest.js';
import { type Descriptor, isIndexType } from '../model/oci.js';
import { familiarName, parseReference, type Reference } from '../model/reference.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import type { RegistryDeps } from '../registry/endpoint.js';
import { type FetchedManifest, openRepository, type Repository } from '../registry/registry.js';
import { openUpload } from '../registry/upload.js';
import { type CacheDocument, MAX_CONFIG, type WritableCacheBackend } from './backend.js';
import { inlineDocument, type InlineImage } from './inline.js';
import { cacheParts, manifestOf } from './oci-document.js';
import { smallBlob } from './small-blob.js';

/** A cache under a name of a registry; what is read may also be an image that carries one. */
export function registryBackend(
  options: Omit<RegistryCacheFrom, 'type'> & CacheDocumentForm,
  deps: RegistryDeps,
): WritableCacheBackend {
  const reference = parseReference(options.ref);
  const settings = options.insecure === true ? plainHttp(deps, reference) : deps;
  const repository = openRepository(reference, settings);
  const upload = openUpload(reference, settings);
  const tag = reference.tag ?? 'latest';
  return {
    name: `registry ${familiarName(reference)}`,
    repository: reference,
    read: (scope) => read({ reference, repository }, scope),
    named: (scope) => named({ reference, repository }, scope),
    blob: (blob, scope) => repository.blob(blob, scope),
    has: ({ digest }, scope) => upload.has(digest, scope),
    put: (blob, bytes, scope) => upload.putBlob(blob, bytes, scope),
    borrow: async ({ digest }, { repository: from }, scope) =>
      from?.domain === reference.domain && upload.mount(digest, from.path, scope),
    write: async (document, scope) => {
      const { config, bytes, mediaType } = manifestOf(document, options);
      if (!(await upload.has(config.digest, scope)))
        await upload.putBlob(config, () => once(document.config), scope);
      // Nothing new: nothing is written.
      if ((await upload.manifestDigest(tag, scope)) === digestOf(bytes)) return;
      await upload.putManifest(tag, { mediaType, bytes }, scope);
    },
  };
}

function plainHttp(deps: RegistryDeps, { domain }: Reference): RegistryDeps {
  const { config } = deps;
  const of = (name: string): ReturnType<typeof config.of> => ({
    ...config.of(name),
    ...(name === domain ? { insecure: true } : {}),
  });
  return { ...deps, config: { ...config, of } };
}

// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
async function* once(bytes: Uint8Array): Bytes {
  yield bytes;
}

interface Place {
  readonly reference: Reference;
  readonly repository: Repository;
}

async function named(
  { reference, repository }: Place,
  scope: Scope,
): Promise<readonly Descriptor[]> {
  const found = await repository.manifest(reference.tag ?? 'latest', scope);
  if (found === undefined) return [];
  const what = `the cache ${familiarName(reference)}`;
  return cacheParts({ ...found.descriptor, document: found.document }, what)?.blobs ?? [];
}

async function read(place: Place, scope: Scope): Promise<CacheDocument | undefined> {
  const { reference, repository } = place;
  const found = await repository.manifest(reference.digest ?? reference.tag ?? 'latest', scope);
  if (found === undefined) return undefined;
  const what = `the cache ${familiarName(reference)}`;
  const parts = cacheParts({ ...found.descriptor, document: found.document }, what);
  if (parts === undefined) return inlineDocument(await images(found, place, scope), what);
  const config = await document(parts.config, place, scope);
  return { config, blobs: parts.blobs };
}

function document(blob: Descriptor, { reference, repository }: Place, scope: Scope) {
  const what = `the cache config of ${familiarName(reference)}`;
  return smallBlob(repository.blob(blob, scope), blob, { what, most: MAX_CONFIG }, scope);
}

/** Platforms of one index; more are no image anybody builds. */
const MAX_IMAGES = 100;

/** An image, or those of an index: each with its config. */
async function images(
  found: FetchedManifest,
  place: Place,
  scope: Scope,
): Promise<readonly InlineImage[]> {
  const { descriptor } = found;
  if (!isIndexType(descriptor.mediaType)) {
    const { config } = found.document as { readonly config: Descriptor }; // `cacheParts` read it.
    return [{ manifest: found.document, config: await document(config, place, scope) }];
  }
  const { manifests } = found.document as { readonly manifests: readonly Descriptor[] }; // Likewise.
  const real = manifests.filter(({ platform }) => platform?.os !== 'unknown');
  if (real.length > MAX_IMAGES)
    throw new BuildError('registry', `${familiarName(place.reference)} has too many images`);
  const each = await Promise.all(real.map(({ digest }) => image(digest, place, scope)));
  return each.filter((one) => one !== undefined);
}

/** An index in an index is not followed. */
async function image(digest: Digest, place: Place, scope: Scope): Promise<InlineImage | undefined> {
  const found = await place.repository.manifest(digest, scope);
  if (found === undefined || isIndexType(found.descriptor.mediaType)) return undefined;
  const parts = cacheParts({ ...found.descriptor, document: found.document }, digest);
  if (parts !== undefined) return undefined;
  const { config } = found.document as { readonly config: Descriptor };
  return { manifest: found.document, config: await document(config, place, scope) };
}
