import type { Annotation, OutputSpec } from '../model/build-options.js';
import { BuildError } from '../model/error.js';
import { nearest } from '../model/nearest.js';
import { formatPlatform, parsePlatform } from '../model/platform.js';
import { csvFields } from './csv.js';
import { compressionOf, flagOf, invalid } from './option-values.js';

const TYPES = ['oci', 'docker', 'tar', 'local', 'image'] as const;
type Type = (typeof TYPES)[number];

const IMAGE: readonly Type[] = ['oci', 'docker', 'image'];
const FILES: readonly Type[] = ['tar', 'local'];

/** Which types take an option; what else is known is refused by name. */
const OPTIONS: Readonly<Record<string, readonly Type[]>> = {
  dest: ['oci', 'docker', 'tar', 'local'],
  tar: ['oci'],
  name: IMAGE,
  compression: ['oci'],
  'compression-level': ['oci'],
  'force-compression': ['oci'],
  'oci-mediatypes': ['oci'],
  'rewrite-timestamp': IMAGE,
  'source-date-epoch': TYPES,
  'platform-split': FILES,
};

/** docker's output grammar: a directory, `-`, or `type=...,dest=...`. Throws BuildError `usage` or `unsupported`. */
export function parseOutput(text: string): OutputSpec {
  if (text === '-') return { type: 'tar', dest: '-' };
  const fields = csvFields(text, '--output');
  const [only = ''] = fields;
  if (fields.length === 1 && !only.includes('=')) return { type: 'local', dest: only };
  const pairs = new Map(fields.map((field) => pairOf(field)));
  const wanted = pairs.get('type') ?? '';
  const type = TYPES.find((each) => each === wanted);
  if (type === undefined) throw invalid('--output type', wanted, TYPES);
  const annotations: Annotation[] = [];
  for (const [name, value] of pairs) {
    if (name === 'type') continue;
    if (name.startsWith('annotation')) annotations.push(annotationOption(name, value, type));
    else checkOption(name, type);
  }
  const spec = { type, ...destOf(type, pairs), ...imageOptions(pairs) };
  return annotations.length === 0 ? spec : { ...spec, annotations };
}

function pairOf(field: string): readonly [string, string] {
  const cut = field.indexOf('=');
  if (cut > 0) return [field.slice(0, cut).trim().toLowerCase(), field.slice(cut + 1)];
  throw new BuildError('usage', `invalid --output field ${JSON.stringify(field)}`, {
    hint: 'write name=value, fields with commas between',
  });
}

function checkOption(name: string, type: Type): void {
  const types = OPTIONS[name];
  if (types === undefined) {
    const near = nearest(name, Object.keys(OPTIONS));
    throw new BuildError('unsupported', `--output option ${name} is not supported yet`, {
      hint: near === undefined ? 'leave it out' : `did you mean ${near}?`,
    });
  }
  if (types.includes(type)) return;
  throw new BuildError('usage', `--output type=${type} has no option ${name}`, {
    hint: `it is for type=${types.join(', ')}`,
  });
}

function destOf(type: Type, pairs: ReadonlyMap<string, string>): Pick<OutputSpec, 'dest' | 'tar'> {
  const dest = pairs.get('dest');
  if (dest === undefined && type !== 'image' && type !== 'docker') {
    throw new BuildError('usage', `--output type=${type} needs dest=`, {
      hint: 'dest=- is stdout',
    });
  }
  const tar = flagOf('tar', pairs);
  return {
    ...(dest === undefined ? {} : { dest }),
    ...(tar === false ? { tar } : {}),
  };
}

function imageOptions(pairs: ReadonlyMap<string, string>): Partial<OutputSpec> {
  const name = pairs.get('name');
  const force = flagOf('force-compression', pairs);
  const oci = flagOf('oci-mediatypes', pairs);
  const rewrite = flagOf('rewrite-timestamp', pairs);
  const split = flagOf('platform-split', pairs);
  return {
    ...(name === undefined || name === '' ? {} : { names: name.split(',') }),
    ...compressionOf(pairs),
    ...(force === undefined ? {} : { forceCompression: force }),
    ...(oci === undefined ? {} : { ociMediaTypes: oci }),
    ...(rewrite === undefined ? {} : { rewriteTimestamp: rewrite }),
    ...(split === undefined ? {} : { platformSplit: split }),
    ...epochOf(pairs.get('source-date-epoch')),
  };
}

function epochOf(text: string | undefined): Pick<OutputSpec, 'epoch'> {
  if (text === undefined) return {};
  if (text === '') return { epoch: null };
  if (/^\d{1,12}$/.test(text) && Number(text) < 253_402_300_800) return { epoch: Number(text) };
  throw new BuildError('usage', `invalid source-date-epoch: ${text}`, {
    hint: 'give seconds since 1970, or nothing for none',
  });
}

const PLACES = ['manifest', 'manifest-descriptor', 'index', 'index-descriptor'] as const;

/** `annotation.k=v`, `annotation-index.k=v`, `annotation-manifest[linux/amd64].k=v`. */
function annotationOption(name: string, value: string, type: Type): Annotation {
  if (!IMAGE.includes(type) || type === 'docker') {
    throw new BuildError('usage', `--output type=${type} has no annotations`, {
      hint: 'they are for type=image and oci',
    });
  }
  const [, place, platform, key] =
    /^annotation(?:-([a-z-]+))?(?:\[([^\]]+)\])?\.(.+)$/.exec(name) ?? [];
  if (key === undefined) throw malformed(`${name}=${value}`);
  return { on: placeOf(place ?? 'manifest'), key, value, ...platformOf(platform) };
}

/** `[type[,type][[platform]]:]key=value` of --annotation: one a type. */
export function parseAnnotation(text: string): Annotation[] {
  const cut = text.indexOf('=');
  const [, types = 'manifest', key = ''] =
    /^(?:([^:=]+(?:\[[^\]]*\])?):)?(.+)$/.exec(text.slice(0, Math.max(cut, 0))) ?? [];
  const known = types
    .split(',')
    .every((type) => PLACES.some((place) => type === place || type.startsWith(`${place}[`)));
  // A key may hold a colon itself.
  if (!known) return [{ on: 'manifest', ...pairText(text) }];
  if (key === '') throw malformed(text);
  const value = text.slice(cut + 1);
  return types.split(',').map((type) => {
    const [, place = '', platform] = /^([a-z-]+)(?:\[([^\]]+)\])?$/.exec(type) ?? [];
    return { on: placeOf(place), key, value, ...platformOf(platform) };
  });
}

function pairText(text: string): { key: string; value: string } {
  const cut = text.indexOf('=');
  if (cut < 1) throw malformed(text);
  return { key: text.slice(0, cut), value: text.slice(cut + 1) };
}

function malformed(text: string): BuildError {
  return new BuildError('usage', `invalid annotation ${JSON.stringify(text)}`, {
    hint: 'write key=value, or TYPE:key=value with TYPE manifest, index, manifest-descriptor or index-descriptor',
  });
}

function placeOf(text: string): Annotation['on'] {
  const place = PLACES.find((each) => each === text);
  if (place === undefined) throw invalid('annotation type', text, PLACES);
  return place;
}

function platformOf(text: string | undefined): Pick<Annotation, 'platform'> {
  if (text === undefined) return {};
  return { platform: formatPlatform(parsePlatform(text, { os: 'linux', architecture: 'amd64' })) };
}
