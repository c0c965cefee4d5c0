import { isDigest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import {
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  type Manifest,
  MediaType,
} from '../model/oci.js';

/** As many as the kernel can stack; a document naming more is not an image anybody runs. */
const MAX_LAYERS = 500;
const MAX_MANIFESTS = 1000;

const LAYERS: ReadonlySet<string> = new Set([
  MediaType.ociLayer,
  MediaType.ociLayerGzip,
  MediaType.ociLayerZstd,
  MediaType.dockerLayer,
  MediaType.dockerLayerGzip,
  MediaType.dockerLayerZstd,
]);
const CONFIGS: ReadonlySet<string> = new Set([MediaType.ociConfig, MediaType.dockerConfig]);

type Fields = Readonly<Record<string, unknown>>;

/** JSON from outside. Throws BuildError `archive` on bad syntax. */
export function parseDocument(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as unknown;
  } catch (error) {
    throw bad(what, `is not JSON: ${(error as Error).message}`);
  }
}

/** An OCI or docker image manifest, every descriptor checked. Throws BuildError `archive` or `unsupported`. */
export function readManifest(value: unknown, what: string): Manifest {
  const fields = record(value, what);
  if (fields['schemaVersion'] !== 2) throw bad(what, 'is not a manifest of schema version 2');
  const config = descriptor(fields['config'], `config of ${what}`);
  if (!CONFIGS.has(config.mediaType)) {
    throw new BuildError('unsupported', `${what} is not a container image: ${config.mediaType}`);
  }
  const layers = list(fields['layers'], `layers of ${what}`, MAX_LAYERS).map((layer) =>
    descriptor(layer, `a layer of ${what}`),
  );
  for (const { mediaType } of layers) {
    if (LAYERS.has(mediaType)) continue;
    throw new BuildError('unsupported', `${what} has a layer of type ${mediaType}`, {
      hint: 'save the image with gzip or uncompressed layers',
    });
  }
  return value as Manifest; // Checked above.
}

/** An image config with as many diffIDs as `layers`. Throws BuildError `archive`. */
export function readConfig(value: unknown, layers: number, what: string): ImageConfig {
  const fields = record(value, what);
  for (const name of ['os', 'architecture']) {
    if (typeof fields[name] !== 'string') throw bad(what, `has no ${name}`);
  }
  const rootfs = record(fields['rootfs'], `rootfs of ${what}`);
  const diffs = list(rootfs['diff_ids'] ?? [], `diff_ids of ${what}`, MAX_LAYERS);
  for (const diff of diffs) {
    if (typeof diff !== 'string' || !isDigest(diff)) throw bad(what, 'has a malformed diffID');
  }
  if (diffs.length !== layers) {
    throw bad(what, `names ${String(diffs.length)} diffIDs for ${String(layers)} layers`);
  }
  for (const name of ['created', 'author', 'variant']) {
    if (!['string', 'undefined'].includes(typeof fields[name]))
      throw bad(what, `has a malformed ${name}`);
  }
  for (const entry of list(fields['history'] ?? [], `history of ${what}`, 10_000)) {
    const line = record(entry, `history of ${what}`);
    for (const name of ['created', 'created_by', 'author', 'comment']) {
      if (typeof (line[name] ?? '') !== 'string')
        throw bad(`history of ${what}`, `has a malformed ${name}`);
    }
  }
  checkRunConfig(record(fields['config'] ?? {}, `config of ${what}`), what);
  return value as ImageConfig; // Checked above.
}

const LISTS = ['Env', 'Cmd', 'Entrypoint', 'Shell', 'OnBuild'];
const TEXTS = ['User', 'WorkingDir', 'StopSignal'];
const MAPS = ['Labels', 'ExposedPorts', 'Volumes', 'Healthcheck'];

/** What reads these later trusts their types; docker writes null for the empty ones. */
function checkRunConfig(config: Fields, what: string): void {
  for (const name of LISTS) {
    const texts = list(config[name] ?? [], `${name} of ${what}`, 100_000);
    if (!texts.every((text) => typeof text === 'string'))
      throw bad(`${name} of ${what}`, 'is not a list of texts');
  }
  for (const name of TEXTS) {
    if (typeof (config[name] ?? '') !== 'string') throw bad(`${name} of ${what}`, 'is not text');
  }
  for (const name of MAPS) record(config[name] ?? {}, `${name} of ${what}`);
}

/** An OCI index or docker manifest list. Throws BuildError `archive`. */
export function readIndex(value: unknown, what: string): ImageIndex {
  const fields = record(value, what);
  if (fields['schemaVersion'] !== 2) throw bad(what, 'is not an index of schema version 2');
  list(fields['manifests'], `manifests of ${what}`, MAX_MANIFESTS).forEach((entry) =>
    descriptor(entry, `an entry of ${what}`),
  );
  return value as ImageIndex; // Checked above.
}

/** What names a blob. Throws BuildError `archive`. */
export function descriptor(value: unknown, what: string): Descriptor {
  const { mediaType, digest, size, annotations, platform } = record(value, what);
  if (typeof mediaType !== 'string') throw bad(what, 'has no media type');
  if (typeof digest !== 'string' || !isDigest(digest)) throw bad(what, 'has no sha256 digest');
  if (!Number.isSafeInteger(size) || Number(size) < 0) throw bad(what, 'has no size');
  for (const text of Object.values(annotations === undefined ? {} : record(annotations, what))) {
    if (typeof text !== 'string') throw bad(what, 'has an annotation that is not text');
  }
  if (platform !== undefined) record(platform, what);
  return value as Descriptor; // Checked above.
}

export function record(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw bad(what, 'is not an object');
}

export function list(value: unknown, what: string, most: number): readonly unknown[] {
  if (!Array.isArray(value)) throw bad(what, 'is not a list');
  if (value.length > most) throw bad(what, `has more than ${String(most)} entries`);
  return value;
}

export function bad(what: string, why: string): BuildError {
  return new BuildError('archive', `${what} ${why}`);
}
