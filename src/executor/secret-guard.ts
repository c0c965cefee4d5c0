import { createReadStream } from 'node:fs';
import { walkLayer } from '../cache/layer-walk.js';
import { toText } from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import type { Snapshotter } from '../model/stores.js';
import type { Secrets } from './secrets.js';

/** The same snapshotter, but a layer that holds a secret's value is refused before it gets into the store. */
export function guardSecrets(snapshots: Snapshotter, secrets: Secrets): Snapshotter {
  if (secrets.ids.length === 0) return snapshots;
  return {
    ...snapshots,
    prepare: async (parent, scope) => {
      const layer = await snapshots.prepare(parent, scope);
      return {
        ...layer,
        commit: async (inner) => {
          layer.unmount();
          await refuseSecrets(layer.upper, secrets.guarded(), inner);
          return layer.commit(inner);
        },
      };
    },
  };
}

async function refuseSecrets(
  upper: string,
  secrets: ReadonlyMap<string, Buffer>,
  scope: Scope,
): Promise<void> {
  for (const { header, file } of walkLayer(upper)) {
    scope.signal.throwIfAborted();
    const path = toText(header.name);
    const id =
      file === undefined
        ? named(header.linkname ?? '', secrets)
        : await heldBy(file, header.size, secrets);
    if (id === undefined) continue;
    throw new BuildError('run-failed', `the value of secret ${id} is in the layer, in /${path}`, {
      hint: 'an image keeps its files for ever: use the secret without writing it down, or delete the file in the same step',
    });
  }
}

function named(text: string, secrets: ReadonlyMap<string, Buffer>): string | undefined {
  return [...secrets].find(([, value]) => text.includes(value.toString('latin1')))?.[0];
}

/** One pass, with as much of the last chunk kept as a value may reach across. */
async function heldBy(
  file: Buffer,
  size: number,
  secrets: ReadonlyMap<string, Buffer>,
): Promise<string | undefined> {
  const possible = [...secrets].filter(([, value]) => value.length <= size);
  if (possible.length === 0) return undefined;
  const reach = Math.max(...possible.map(([, value]) => value.length)) - 1;
  let last = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    const bytes = Buffer.concat([last, chunk as Buffer]);
    const found = possible.find(([, value]) => bytes.includes(value));
    if (found !== undefined) return found[0];
    last = bytes.subarray(Math.max(0, bytes.length - reach));
  }
  return undefined;
}
