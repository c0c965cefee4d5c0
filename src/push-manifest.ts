import type { Digest } from './model/digest.js';
import { digestOf } from './model/digest.js';
import { BuildError } from './model/error.js';
import { successors } from './model/oci.js';
import { familiarRepository, parseReference, type Reference } from './model/reference.js';
import type { Scope } from './model/scope.js';
import {
  depsOf,
  listDocument,
  type ListEntry,
  listOf,
  type ListPlace,
  manifestOf,
  removeList,
} from './manifest-lists.js';
import { openRepository } from './registry/registry.js';
import { openUpload, type UploadRepository } from './registry/upload.js';

export interface PushListOptions extends ListPlace {
  /** Forget the list here once it is pushed. */
  readonly purge: boolean;
  readonly say: (line: string) => void;
}

/** Sends a list, and to its repository all images it names; gives its digest. */
export async function pushList(
  list: string,
  { purge, say, ...place }: PushListOptions,
  scope: Scope,
): Promise<Digest> {
  const reference = parseReference(list);
  const entries = listOf(reference, place.workshop);
  for (const { name } of entries) checkRegistry(parseReference(name), reference);
  const upload = openUpload(reference, depsOf(place));
  for (const entry of entries) {
    await pushEntry(entry, { reference, upload, place }, scope);
    const { digest } = entry.descriptor;
    say(`Pushed ref ${familiarRepository(reference)}@${digest} with digest: ${digest}`);
  }
  const document = listDocument(entries);
  const bytes = Buffer.from(JSON.stringify(document, null, 3));
  const mediaType = document.mediaType ?? '';
  await upload.putManifest(reference.tag ?? 'latest', { mediaType, bytes }, scope);
  if (purge) removeList(reference, place.workshop);
  return digestOf(bytes);
}

function checkRegistry(source: Reference, target: Reference): void {
  if (source.domain === target.domain) return;
  throw new BuildError(
    'usage',
    `cannot use source images from a different registry than the target image: ${source.domain} != ${target.domain}`,
    { hint: 'push the images to the registry of the list first' },
  );
}

interface Target {
  readonly reference: Reference;
  readonly upload: UploadRepository;
  readonly place: ListPlace;
}

/** A registry takes a list only when it has in the same repository what the list names. */
async function pushEntry(
  entry: ListEntry,
  { reference, upload, place }: Target,
  scope: Scope,
): Promise<void> {
  const source = parseReference(entry.name);
  if (source.path !== reference.path) {
    const from = openRepository(source, depsOf(place));
    for (const blob of successors(manifestOf(entry))) {
      if (await upload.has(blob.digest, scope)) continue;
      if (await upload.mount(blob.digest, source.path, scope)) continue;
      await upload.putBlob(blob, () => from.blob(blob, scope), scope);
    }
  }
  const { digest, mediaType } = entry.descriptor;
  const bytes = Buffer.from(entry.raw, 'base64');
  await upload.putManifest(digest, { mediaType, bytes }, scope);
}
