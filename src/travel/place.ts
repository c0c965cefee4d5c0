import type { Descriptor } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';

/** Where cache mounts travel to or come from. What it gives is checked by whoever asked. */
export interface Place {
  /** For messages. */
  readonly name: string;
  /** The manifest of the export that is there; undefined when there is none. */
  readonly manifest: (scope: Scope) => Promise<Buffer | undefined>;
  readonly has: (blob: Descriptor, scope: Scope) => Promise<boolean>;
  readonly open: (blob: Descriptor, scope: Scope) => Bytes;
}

/** One that can be written to. */
export interface WritablePlace extends Place {
  /** Idempotent; the bytes are those of the descriptor. */
  readonly put: (bytes: Buffer, blob: Descriptor, scope: Scope) => Promise<void>;
  /** All it names is there: from now on this is the export. */
  readonly publish: (manifest: Buffer, scope: Scope) => Promise<void>;
}
