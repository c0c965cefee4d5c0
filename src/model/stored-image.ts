import type { Digest } from './digest.js';
import type { Descriptor, ImageConfig, Manifest } from './oci.js';
import type { Reference } from './reference.js';

/** An image of the store with all its names. */
export interface StoredImage {
  /** Digest of the config. */
  readonly id: Digest;
  /** What its names mean: `manifest`, or an index of several platforms that has it. */
  readonly root: Descriptor;
  /** Of `document`: in an index, this machine's platform, else the first that is here. */
  readonly manifest: Descriptor;
  readonly document: Manifest;
  readonly config: ImageConfig;
  readonly references: readonly Reference[];
  /** Those of them by which a registry gave it, with the digest it can be asked for by there. */
  readonly pulled: readonly (Reference & { readonly digest: Digest })[];
}
