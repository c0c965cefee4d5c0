/** What every `--cache-from` may say besides where it is. */
export interface CacheImportSettings {
  /** A cache that cannot be read fails the build; by default it is one warning. */
  readonly required?: boolean;
  /** Milliseconds for what is asked before the first step; default 30 s. */
  readonly timeoutMs?: number;
}

/** `--cache-from`: where steps are looked for that this machine has not. */
export type CacheFrom = CacheImportSettings &
  (RegistryCacheFrom | LocalCacheFrom | S3Cache | GhaCache);

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
  /** Cache mounts that go, too: ids, or `all` that the build's steps have. */
  readonly mounts?: readonly string[];
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
  | (CacheExportSettings & CacheDocumentForm & (RegistryCacheTo | LocalCacheTo))
  | (CacheExportSettings & (S3Cache | GhaCache));

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

/** A bucket of S3, or of what speaks its language. What is not said comes from the environment, as in the AWS SDKs. */
export interface S3Cache {
  readonly type: 's3';
  /** Default `AWS_BUCKET`. */
  readonly bucket?: string;
  /** Default `AWS_REGION`. */
  readonly region?: string;
  readonly endpointUrl?: string;
  /** With an endpoint: the bucket is the first part of the path, not of the host. */
  readonly usePathStyle?: boolean;
  /** Before all keys. */
  readonly prefix?: string;
  /** Default `manifests/`. */
  readonly manifestsPrefix?: string;
  /** Default `blobs/`. */
  readonly blobsPrefix?: string;
  /** Of manifests: all are written, the first is read. Default `buildkit`. */
  readonly names?: readonly string[];
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  /** Milliseconds after which an object that is used is made new. Default a day. */
  readonly touchRefreshMs?: number;
  /** Default 4. */
  readonly uploadParallelism?: number;
  /** How often a request is sent at most. Default 5. */
  readonly retryMaxAttempts?: number;
}

/** The cache of GitHub Actions. What is not said comes from the runner's environment. */
export interface GhaCache {
  readonly type: 'gha';
  /** Of version 1 of the service: default `ACTIONS_CACHE_URL`. */
  readonly url?: string;
  /** Of version 2: default `ACTIONS_RESULTS_URL`. */
  readonly urlV2?: string;
  /** Default `ACTIONS_RUNTIME_TOKEN`. */
  readonly token?: string;
  /** Of the service: 1 or 2; default 2 where there is an address of it. */
  readonly version?: 1 | 2;
  /** Which cache, where a repository has several. Default `buildkit`. */
  readonly scope?: string;
  /** With `ghtoken`: asks GitHub's API once which blobs are there. Default `GITHUB_REPOSITORY` where there is a ghtoken. */
  readonly repository?: string;
  readonly ghtoken?: string;
}
