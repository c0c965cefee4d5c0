import { resolve } from 'node:path';
import { BuildError } from '../../model/error.js';
import type { MountRequest } from '../../model/host-config.js';
import { nearest } from '../../model/nearest.js';
import { goBool, ramInBytes } from '../../model/units.js';
import { csvFields } from '../csv.js';

interface Draft {
  Type: string;
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions: Record<string, unknown>;
  VolumeOptions: Record<string, unknown>;
  TmpfsOptions: Record<string, unknown>;
}

type Set = (draft: Draft, value: string, field: string) => void;

const SETTERS: Readonly<Record<string, Set>> = {
  type: (draft, value) => (draft.Type = value.toLowerCase()),
  source: (draft, value) => (draft.Source = value.startsWith('.') ? resolve(value) : value),
  target: (draft, value) => (draft.Target = value),
  readonly: (draft, value, field) => (draft.ReadOnly = flag('readonly', value, field)),
  consistency: (draft, value) => (draft.Consistency = value.toLowerCase()),
  'bind-propagation': (draft, value) => (draft.BindOptions['Propagation'] = value.toLowerCase()),
  'bind-nonrecursive': (draft, value, field) =>
    (draft.BindOptions['NonRecursive'] = flag('bind-nonrecursive', value, field)),
  'bind-create-src': (draft, value, field) =>
    (draft.BindOptions['CreateMountpoint'] = flag('bind-create-src', value, field)),
  'bind-recursive': (draft, value) => {
    if (value === 'disabled') draft.BindOptions['NonRecursive'] = true;
    else if (value === 'writable')
      throw new BuildError('unsupported', 'bind-recursive=writable is not supported', {
        hint: 'a read-only bind mount is read-only with everything mounted below it',
      });
    else if (!['enabled', 'writable', 'readonly'].includes(value))
      throw invalid(
        `invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
      );
  },
  'volume-nocopy': (draft, value, field) =>
    (draft.VolumeOptions['NoCopy'] = flag('volume-nocopy', value, field)),
  'volume-subpath': (draft, value) => (draft.VolumeOptions['Subpath'] = value),
  'volume-label': (draft, value) => {
    const [name = '', ...rest] = value.split('=');
    const labels = draft.VolumeOptions['Labels'] as Record<string, string> | undefined; // Set here only.
    draft.VolumeOptions['Labels'] = { ...labels, [name]: rest.join('=') };
  },
  'volume-driver': (_draft, value) => {
    if (value !== 'local')
      throw new BuildError('unsupported', `volume-driver=${value} is not supported`, {
        hint: 'volumes are directories of the store: the driver is local',
      });
  },
  'tmpfs-size': (draft, value) => {
    const bytes = ramInBytes(value);
    if (bytes === undefined) throw invalid(`invalid value for tmpfs-size: ${value}`);
    draft.TmpfsOptions['SizeBytes'] = bytes;
  },
  'tmpfs-mode': (draft, value) => {
    if (!/^[0-7]{1,4}$/.test(value)) throw invalid(`invalid value for tmpfs-mode: ${value}`);
    draft.TmpfsOptions['Mode'] = Number.parseInt(value, 8);
  },
};

const ALIASES: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
};

/** `type=volume,source=NAME,target=PATH,readonly`: docker's --mount. Throws BuildError `usage`. */
export function parseMount(text: string): MountRequest {
  try {
    return mountOf(text);
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'usage') throw error;
    const { message, hint } = error;
    // What docker's engine says of it, and not its flags.
    if (message.startsWith('invalid mount config')) throw error;
    throw new BuildError(
      'usage',
      `invalid argument ${JSON.stringify(text)} for "--mount" flag: ${message}`,
      hint === undefined ? {} : { hint },
    );
  }
}

function mountOf(text: string): MountRequest {
  const draft: Draft = { Type: 'volume', BindOptions: {}, VolumeOptions: {}, TmpfsOptions: {} };
  for (const field of csvFields(text, '--mount')) set(draft, field);
  const { Type, Target } = draft;
  if (Type !== 'bind' && Type !== 'volume' && Type !== 'tmpfs')
    throw invalid(`invalid mount config for type ${JSON.stringify(Type)}: mount type unknown`);
  if (Target === undefined || Target === '') throw invalid('target is required');
  const options = ['Bind', 'Volume', 'Tmpfs'].map((name) => [name, `${name}Options`] as const);
  const wrong = options.find(
    ([name, key]) =>
      name.toLowerCase() !== Type && Object.keys(draft[key as 'BindOptions']).length > 0,
  );
  if (wrong !== undefined)
    throw invalid(`cannot mix '${wrong[0].toLowerCase()}-*' options with mount type '${Type}'`);
  if (Type === 'tmpfs' && draft.Source !== undefined)
    throw invalid('invalid mount config for type "tmpfs": field Source must not be specified');
  if (Type === 'bind' && (draft.Source ?? '') === '')
    throw invalid('invalid mount config for type "bind": field Source must not be empty');
  return Object.fromEntries(
    Object.entries(draft).filter(
      ([, value]) => typeof value !== 'object' || Object.keys(value as object).length > 0,
    ),
  ) as unknown as MountRequest; // Type and Target were looked at above.
}

function set(draft: Draft, field: string): void {
  const cut = field.indexOf('=');
  const name = (cut === -1 ? field : field.slice(0, cut)).toLowerCase();
  const key = ALIASES[name] ?? name;
  const setter = Object.hasOwn(SETTERS, key) ? SETTERS[key] : undefined;
  const alone = ['readonly', 'volume-nocopy', 'bind-nonrecursive', 'bind-create-src'].includes(key);
  if (cut === -1 && !alone) throw invalid(`invalid field '${field}' must be a key=value pair`);
  if (setter === undefined) {
    const near = nearest(name, [...Object.keys(SETTERS), ...Object.keys(ALIASES)]);
    const hint = near === undefined ? {} : { hint: `did you mean ${near}?` };
    throw new BuildError('usage', `unexpected key '${name}' in '${field}'`, hint);
  }
  setter(draft, cut === -1 ? 'true' : field.slice(cut + 1), field);
}

function flag(name: string, value: string, field: string): boolean {
  const on = goBool(value);
  if (on === undefined)
    throw invalid(`invalid value for '${name}': invalid boolean value in '${field}'`);
  return on;
}

function invalid(why: string): BuildError {
  return new BuildError('usage', why);
}
