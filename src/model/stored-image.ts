import type { Digest } from './digest.js';
import type { Descriptor, ImageConfig, Manifest } from './oci.js';
import type { Reference } from './reference.js';

/** An image of the store with all its names. */
export interface StoredImage {
  /** Digest of the config. */
  readonly id: Digest;
  readonly manifest: Descriptor;
  readonly document: Manifest;
  readonly config: ImageConfig;
  readonly references: readonly Reference[];
}
