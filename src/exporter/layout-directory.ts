import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import type { Descriptor, ImageIndex } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { parseDocument, readIndex } from './image-document.js';
import { makeOutput } from './make-output.js';
import { type ArchiveFile, bytesOf, writeTo } from './tar-file.js';

const REF = 'org.opencontainers.image.ref.name';
const NAME = 'io.containerd.image.name';

/**
 * Writes an OCI layout as a directory, into one that may be there: its other images stay, an image of the same name is
 * replaced. Blobs come before the index that names them.
 */
export async function layoutDirectory(
  dest: string,
  files: AsyncIterable<ArchiveFile>,
  scope: Scope,
): Promise<void> {
  makeOutput(dest);
  for await (const { name, bytes } of files) {
    // It is docker's list of the images of one archive; a layout that grows has no use for it.
    if (name === 'manifest.json') continue;
    const path = join(dest, name);
    makeOutput(dirname(path));
    await writeTo(path, name === 'index.json' ? await merged(path, bytes) : bytes, scope);
  }
}

async function merged(path: string, bytes: Bytes): Promise<Bytes> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  const ours = readIndex(parseDocument(Buffer.concat(chunks), path), path);
  const theirs = existing(path)?.manifests ?? [];
  const kept = theirs.filter((old) => !ours.manifests.some((own) => replaces(own, old)));
  return bytesOf(JSON.stringify({ ...ours, manifests: [...kept, ...ours.manifests] }));
}

function existing(path: string): ImageIndex | undefined {
  try {
    return readIndex(parseDocument(readFileSync(path), path), path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The same name, or no name and the same image. */
function replaces(own: Descriptor, old: Descriptor): boolean {
  const key = ({ annotations = {} }: Descriptor): string | undefined =>
    annotations[NAME] ?? annotations[REF];
  return key(own) === key(old) && (key(own) !== undefined || own.digest === old.digest);
}
