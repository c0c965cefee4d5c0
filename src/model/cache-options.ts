/** What every `--cache-from` may say besides where it is. */
export interface CacheImportSettings {
  /** A cache that cannot be read fails the build; by default it is one warning. */
  readonly required?: boolean;
  /** Milliseconds for what is asked before the first step; default 30 s. */
  readonly timeoutMs?: number;
}

/** `--cache-from`: where steps are looked for that this machine has not. */
export type CacheFrom = CacheImportSettings & (RegistryCacheFrom | LocalCacheFrom);

/** A cache in a registry, or an image that carries one (`type=inline`). */
export interface RegistryCacheFrom {
  readonly type: 'registry';
  readonly ref: string;
  /** Plain HTTP. */
  readonly insecure?: boolean;
}

export interface LocalCacheFrom {
  readonly type: 'local';
  /** A directory: an OCI layout. */
  readonly src: string;
  /** Default `latest`. */
  readonly tag?: string;
  /** Of a manifest; goes before the tag. */
  readonly digest?: string;
}

/** What every `--cache-to` may say besides where it goes. */
export interface CacheExportSettings {
  /** `min`: steps whose layers are the image's; `max`: all steps. */
  readonly mode?: 'min' | 'max';
  /** Of layers; default gzip. */
  readonly compression?: 'gzip' | 'zstd' | 'uncompressed';
  /** Of gzip 0 to 9, of zstd 1 to 22. */
  readonly compressionLevel?: number;
  /** Also layers that came from another cache, which else stay as they are. */
  readonly forceCompression?: boolean;
  /** A cache that cannot be written fails the build; by default it is one warning. */
  readonly required?: boolean;
  /** Milliseconds that the export may take; default 10 min. */
  readonly timeoutMs?: number;
}

/** `--cache-to`: where steps go when the image is complete. */
export type CacheTo =
  | { readonly type: 'inline' }
  | (CacheExportSettings & CacheDocumentForm & (RegistryCacheTo | LocalCacheTo));

/** How a cache is written where manifests are: by default an OCI image manifest, as BuildKit writes it now. */
export interface CacheDocumentForm {
  /** False: an index of layers, which older BuildKits read. */
  readonly imageManifest?: boolean;
  /** False: docker's media types, and an index. */
  readonly ociMediaTypes?: boolean;
}

export interface RegistryCacheTo {
  readonly type: 'registry';
  readonly ref: string;
  /** Plain HTTP. */
  readonly insecure?: boolean;
}

export interface LocalCacheTo {
  readonly type: 'local';
  /** A directory: an OCI layout, made when it is not there. */
  readonly dest: string;
  /** Default `latest`. */
  readonly tag?: string;
}
