import type {
  CacheDocumentForm,
  CacheExportSettings,
  CacheFrom,
  CacheImportSettings,
  CacheTo,
} from '../model/cache-options.js';
import { BuildError } from '../model/error.js';
import { goDuration } from '../model/go-duration.js';
import { nearest } from '../model/nearest.js';
import { GHA_OPTIONS, ghaOf } from './cache-gha-flags.js';
import { S3_OPTIONS, s3Of } from './cache-s3-flags.js';
import { csvFields } from './csv.js';
import { compressionOf, flagOf, invalid } from './option-values.js';

type Flag = '--cache-from' | '--cache-to';
type Pairs = ReadonlyMap<string, string>;

const COMMON = ['ignore-error', 'required', 'timeout'];
const LAYERS = ['mode', 'mounts', 'compression', 'compression-level', 'force-compression'];
const FORM = ['image-manifest', 'oci-mediatypes'];

/** What each type takes besides `type`. */
const OPTIONS: Readonly<Record<Flag, Readonly<Record<string, readonly string[]>>>> = {
  '--cache-from': {
    registry: ['ref', 'registry.insecure', ...COMMON],
    local: ['src', 'tag', 'digest', ...COMMON],
    s3: [...S3_OPTIONS, ...COMMON],
    gha: [...GHA_OPTIONS, ...COMMON],
  },
  '--cache-to': {
    inline: ['mode'],
    registry: ['ref', 'registry.insecure', ...LAYERS, ...FORM, ...COMMON],
    local: ['dest', 'tag', ...LAYERS, ...FORM, ...COMMON],
    s3: [...S3_OPTIONS, ...LAYERS, ...COMMON],
    gha: [...GHA_OPTIONS, ...LAYERS, ...COMMON],
  },
};

/** docker's grammar: `type=registry,ref=...` and its like, or names of images. Throws BuildError `usage` or `unsupported`. */
export function parseCacheFrom(text: string): readonly CacheFrom[] {
  return entries('--cache-from', text).map((pairs): CacheFrom => {
    const settings = importSettings(pairs);
    if (pairs.get('type') === 's3') return { ...s3Of(pairs), ...settings };
    if (pairs.get('type') === 'gha') return { ...ghaOf(pairs), ...settings };
    if (pairs.get('type') === 'registry')
      return { type: 'registry', ...registryOf('--cache-from', pairs), ...settings };
    const [tag, digest] = [pairs.get('tag'), pairs.get('digest')];
    return {
      type: 'local',
      src: needed('--cache-from', 'src', pairs),
      ...(tag === undefined ? {} : { tag }),
      ...(digest === undefined ? {} : { digest }),
      ...settings,
    };
  });
}

export function parseCacheTo(text: string): readonly CacheTo[] {
  return entries('--cache-to', text).map((pairs): CacheTo => {
    if (pairs.get('type') === 'inline') return inline(pairs);
    if (pairs.get('type') === 's3') return { ...s3Of(pairs), ...exportSettings(pairs) };
    if (pairs.get('type') === 'gha') return { ...ghaOf(pairs), ...exportSettings(pairs) };
    const settings = { ...exportSettings(pairs), ...formOf(pairs) };
    if (pairs.get('type') === 'registry')
      return { type: 'registry', ...registryOf('--cache-to', pairs), ...settings };
    const tag = pairs.get('tag');
    const dest = needed('--cache-to', 'dest', pairs);
    return { type: 'local', dest, ...(tag === undefined ? {} : { tag }), ...settings };
  });
}

/** Scripts pass empty variables: they name no cache. */
function entries(flag: Flag, text: string): readonly Pairs[] {
  if (text.trim() === '') return [];
  const fields = csvFields(text, flag).map((field) => field.trim());
  if (fields.every((field) => !field.includes('='))) {
    const bare = fields.find((field) => field === 'inline' || field === 'required');
    if (bare === undefined)
      return fields.map((ref) => new Map([['type', 'registry']]).set('ref', ref));
  }
  const pairs = new Map(fields.map((field) => pairOf(flag, field)));
  checkPairs(flag, pairs);
  return [pairs];
}

function pairOf(flag: Flag, field: string): readonly [string, string] {
  const cut = field.indexOf('=');
  if (cut > 0) return [field.slice(0, cut).trim().toLowerCase(), field.slice(cut + 1)];
  if (field === 'required') return ['required', 'true'];
  const near = field === 'inline' ? ': did you mean type=inline?' : '';
  throw new BuildError('usage', `invalid ${flag} field ${JSON.stringify(field)}${near}`, {
    hint: 'write name=value, fields with commas between',
  });
}

function checkPairs(flag: Flag, pairs: Pairs): void {
  const type = pairs.get('type');
  if (type === undefined)
    throw new BuildError('usage', `type required form> "${[...pairs.keys()].join(',')}"`, {
      hint: `write ${flag} type=${Object.keys(OPTIONS[flag]).join('|')},...`,
    });
  const known = OPTIONS[flag][type];
  if (known === undefined) throw unknownType(flag, type);
  for (const name of pairs.keys()) {
    if (name === 'type' || known.includes(name)) continue;
    const near = nearest(name, known) ?? known.find((each) => each === OTHER_END[name]);
    throw new BuildError('usage', `${flag} type=${type} has no option ${name}`, {
      hint: near === undefined ? `it has ${known.join(', ')}` : `did you mean ${near}?`,
    });
  }
}

/** What a directory is called by the other flag. */
const OTHER_END: Readonly<Record<string, string>> = { src: 'dest', dest: 'src' };

/** Those BuildKit has and stave has not. */
const NOT_YET = ['azblob'];

function unknownType(flag: Flag, type: string): BuildError {
  const types = Object.keys(OPTIONS[flag]);
  if (!NOT_YET.includes(type) && type !== 'inline') return invalid(`${flag} type`, type, types);
  const hint =
    type === 'inline'
      ? 'an image that carries its cache is read by type=registry,ref=IMAGE'
      : `use ${types.join(', ')}`;
  return new BuildError('unsupported', `${flag} type=${type} is not supported`, { hint });
}

function needed(flag: Flag, name: string, pairs: Pairs): string {
  const value = pairs.get(name) ?? '';
  if (value !== '') return value;
  const type = pairs.get('type') ?? '';
  throw new BuildError('usage', `${flag} type=${type} needs ${name}=`, {
    hint: `such as ${flag} type=${type},${name}=${name === 'ref' ? 'registry.example.com/app:cache' : 'DIR'}`,
  });
}

function registryOf(
  flag: Flag,
  pairs: Pairs,
): { readonly ref: string; readonly insecure?: boolean } {
  const insecure = flagOf('registry.insecure', pairs);
  return { ref: needed(flag, 'ref', pairs), ...(insecure === undefined ? {} : { insecure }) };
}

function importSettings(pairs: Pairs): CacheImportSettings {
  const required = flagOf('required', pairs);
  const ignored = flagOf('ignore-error', pairs);
  if (required !== undefined && required === ignored) {
    throw new BuildError(
      'usage',
      `required and ignore-error=${String(ignored)} exclude each other`,
      {
        hint: 'by default a cache that fails is a warning: required makes it an error',
      },
    );
  }
  const must = required ?? (ignored === undefined ? undefined : !ignored);
  return { ...(must === undefined ? {} : { required: must }), ...timeoutOf(pairs.get('timeout')) };
}

function timeoutOf(text: string | undefined): Pick<CacheImportSettings, 'timeoutMs'> {
  if (text === undefined) return {};
  const ns = goDuration(text);
  const ms = Math.ceil((ns ?? 0) / 1e6);
  // What a timer of 32 bits holds: 24 days.
  if (ms > 0 && ms < 2 ** 31) return { timeoutMs: ms };
  throw new BuildError('usage', `invalid timeout ${JSON.stringify(text)}`, {
    hint: 'give a duration such as 30s or 5m',
  });
}

function exportSettings(pairs: Pairs): CacheExportSettings {
  const mode = modeOf(pairs.get('mode'));
  const force = flagOf('force-compression', pairs);
  const mounts = pairs.get('mounts');
  return {
    ...importSettings(pairs),
    ...(mounts === undefined ? {} : { mounts: mountsOf(mounts) }),
    ...compressionOf(pairs),
    ...(mode === undefined ? {} : { mode }),
    ...(force === undefined ? {} : { forceCompression: force }),
  };
}

/** Ids with colons between, for commas end the option. */
function mountsOf(text: string): readonly string[] {
  const ids = text.split(':').filter((id) => id !== '');
  if (ids.length > 0) return ids;
  throw new BuildError('usage', '--cache-to mounts= names no cache mount', {
    hint: 'mounts=all, or ids with colons between',
  });
}

function modeOf(text: string | undefined): CacheExportSettings['mode'] {
  if (text === undefined || text === 'min' || text === 'max') return text;
  throw invalid('mode', text, ['min', 'max']);
}

function formOf(pairs: Pairs): CacheDocumentForm {
  const [image, oci] = [flagOf('image-manifest', pairs), flagOf('oci-mediatypes', pairs)];
  if (image === true && oci === false) {
    throw new BuildError('usage', 'oci-mediatypes=false excludes image-manifest=true', {
      hint: 'the image manifest form has OCI media types: leave one of them out',
    });
  }
  return {
    ...(image === undefined ? {} : { imageManifest: image }),
    ...(oci === undefined ? {} : { ociMediaTypes: oci }),
  };
}

function inline(pairs: Pairs): CacheTo {
  if (modeOf(pairs.get('mode')) !== 'max') return { type: 'inline' };
  throw new BuildError('usage', '--cache-to type=inline has no mode=max', {
    hint: 'an image carries the cache of its own layers: use type=registry,mode=max for all steps',
  });
}
