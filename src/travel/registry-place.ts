import { digestOf } from '../model/digest.js';
import { MediaType } from '../model/oci.js';
import { familiarName, type Reference } from '../model/reference.js';
import type { RegistryDeps } from '../registry/endpoint.js';
import { openRepository } from '../registry/registry.js';
import { openUpload } from '../registry/upload.js';
import { one } from './mount-manifest.js';
import type { WritablePlace } from './place.js';

/** A tag of a registry. What no manifest names any more the registry collects. */
export function registryPlace(reference: Reference, deps: RegistryDeps): WritablePlace {
  const repository = openRepository(reference, deps);
  const upload = openUpload(reference, deps);
  const tag = reference.tag ?? 'latest';
  return {
    name: familiarName(reference),
    manifest: async (scope) => (await repository.manifest(reference.digest ?? tag, scope))?.bytes,
    has: ({ digest }, scope) => upload.has(digest, scope),
    open: (blob, scope) => repository.blob(blob, scope),
    put: async (bytes, blob, scope) => {
      // The index of an export that changed nothing is there already.
      if (!(await upload.has(blob.digest, scope)))
        await upload.putBlob(blob, () => one(bytes), scope);
    },
    publish: async (manifest, scope) => {
      if ((await upload.manifestDigest(tag, scope)) === digestOf(manifest)) return;
      await upload.putManifest(tag, { mediaType: MediaType.ociManifest, bytes: manifest }, scope);
    },
  };
}
