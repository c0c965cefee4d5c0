import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, digestOf, hexOf } from '../../../src/model/digest.js';
import { hasCode } from '../../../src/model/has-code.js';
import type { Manifest } from '../../../src/model/oci.js';
import { canonicalName, parseReference } from '../../../src/model/reference.js';
import { checkStore } from '../../../src/store-check.js';
import { openWorkshop } from '../../../src/workshop.js';

/** The image id under a name, read from the store's files: starting a command for it is most of a try's time. */
export function imageIdIn(root: string, name: string): string {
  try {
    const key = hexOf(digestOf(canonicalName(parseReference(name))));
    const ref = read(join(root, 'refs', key)) as { readonly manifest: { readonly digest: Digest } };
    const manifest = read(join(root, 'blobs/sha256', hexOf(ref.manifest.digest))) as Manifest;
    return manifest.config.digest;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 'absent';
    throw error;
  }
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** What `store check --full` finds, in this process. */
export async function problemsIn(root: string): Promise<string[]> {
  await using workshop = openWorkshop(root, process.env);
  const found = await checkStore({ full: true, repair: false }, workshop);
  return found.flatMap(({ problems }) =>
    problems.map(({ what, problem }) => `${what}: ${problem}`),
  );
}
