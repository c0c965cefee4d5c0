import type { Store } from '../cache/store.js';
import type { Descriptor, ImageConfig, Manifest, Platform } from '../model/oci.js';
import type { Reference } from '../model/reference.js';

/** What a format's reader found; every blob it names is in the store, nothing of it is believed yet. */
export interface FoundImage {
  readonly manifest: Descriptor;
  readonly document: Manifest;
  readonly config: ImageConfig;
  readonly references: readonly Reference[];
}

export interface LoadContext {
  readonly store: Store;
  /** Which image of a multi-platform index to take. */
  readonly platform: Platform;
  /** Nothing else will do. */
  readonly only?: boolean;
}
