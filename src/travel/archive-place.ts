import { closeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decompress } from '../cache/decompress.js';
import { noSpace, openNew, writeAll } from '../cache/durable.js';
import { encodeHeader, padding, tarEnd, tarEntries } from '../cache/tar.js';
import { writeTo } from '../exporter/tar-file.js';
import { hexOf } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { makeDeep } from '../sys/make-deep.js';
import { indexEntry, LAYOUT_FILE, layoutIndex } from './layout-place.js';
import type { WritablePlace } from './place.js';

/** A tar of an OCI layout on stdout, written as its parts come: the packs first, what names them at the end. */
export function stdoutPlace(scope: Scope): WritablePlace {
  let turn: Promise<void> = Promise.resolve();
  const write = (bytes: Bytes): Promise<void> =>
    (turn = turn.then(() => writeTo('-', bytes, scope)));
  const file = (name: string, bytes: Buffer): Promise<void> => write(member(name, bytes));
  return {
    name: 'stdout',
    manifest: () => Promise.resolve(undefined),
    has: () => Promise.resolve(false),
    open: () => {
      throw new Error('stdout cannot be read');
    },
    put: (bytes, { digest }) => file(`blobs/sha256/${hexOf(digest)}`, bytes),
    publish: async (manifest) => {
      const entry = indexEntry(manifest);
      await file(`blobs/sha256/${hexOf(entry.digest)}`, manifest);
      await file('index.json', layoutIndex([entry]));
      await file('oci-layout', Buffer.from(LAYOUT_FILE));
      await write(end());
    },
  };
}

// eslint-disable-next-line @typescript-eslint/require-await -- pulled like every other source of bytes
async function* member(name: string, bytes: Buffer): Bytes {
  const facts = { mode: 0o644, uid: 0, gid: 0, size: bytes.length, mtimeNs: 0n };
  yield encodeHeader({ name, type: 'file', ...facts });
  yield bytes;
  yield padding(bytes.length);
}

// eslint-disable-next-line @typescript-eslint/require-await -- as above
async function* end(): Bytes {
  yield tarEnd();
}

const MEMBERS = /^(oci-layout|index\.json|blobs\/sha256\/[0-9a-f]{64})$/;

/** Unpacks a tar of a layout, perhaps compressed, into an empty directory of ours. Only the names of a layout are taken. */
export async function unpackLayout(
  bytes: Bytes,
  directory: string,
  { signal }: Scope,
): Promise<void> {
  const done = new Set<string>();
  for await (const { header, body } of tarEntries(decompress(bytes))) {
    signal.throwIfAborted();
    if (header.type === 'directory') continue;
    const { name } = header;
    if (header.type !== 'file' || !MEMBERS.test(name) || done.has(name)) {
      throw new BuildError(
        'archive',
        `refusing ${JSON.stringify(name)}: not a part of an OCI layout`,
      );
    }
    done.add(name);
    await writeMember(join(directory, name), body);
  }
  if (!done.has('index.json')) {
    throw new BuildError('archive', 'stdin holds no export of cache mounts', {
      hint: 'stave cache export --mounts - writes one',
    });
  }
}

async function writeMember(file: string, body: Bytes): Promise<void> {
  makeDeep(dirname(file), 0o700);
  const fd = openNew(file);
  try {
    for await (const chunk of body) writeAll(fd, chunk);
  } catch (error) {
    throw noSpace(error, dirname(file));
  } finally {
    closeSync(fd);
  }
}
