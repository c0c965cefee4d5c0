import { BuildError } from '../model/error.js';
import type { Descriptor } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';

const RESUMES = 4;

export interface Resumable {
  /** The rest of the blob, asked for with these headers; undefined: to be asked once more, if `more` tries are left. */
  readonly open: (
    range: Readonly<Record<string, string>>,
    more: boolean,
  ) => Promise<Bytes | undefined>;
  /** What is said when it breaks off for the last time. */
  readonly broken: () => string;
}

/** What was cut off is taken up where it broke. Digest and size are the reader's to check. Throws BuildError `registry`. */
export async function* resumed(
  blob: Descriptor,
  { open, broken }: Resumable,
  { signal }: Scope,
): Bytes {
  let received = 0;
  let cause: unknown;
  for (let left = RESUMES; left >= 0 && received < blob.size; left--) {
    const body = await open(
      received === 0 ? {} : { range: `bytes=${String(received)}-` },
      left > 0,
    );
    if (body === undefined) continue;
    try {
      for await (const chunk of body) {
        received += chunk.length;
        yield chunk;
      }
    } catch (error) {
      signal.throwIfAborted();
      cause = error;
    }
  }
  if (received < blob.size) throw new BuildError('registry', broken(), { cause });
}
