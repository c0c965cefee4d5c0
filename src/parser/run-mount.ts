import { nearest } from '../model/nearest.js';
import { goBool, ramInBytes } from '../model/units.js';
import { Problem } from './problem.js';
import { recordOf } from './record-of.js';

export const MOUNT_TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
export type MountType = (typeof MOUNT_TYPES)[number];
const SHARING = ['shared', 'private', 'locked'] as const;
export type Sharing = (typeof SHARING)[number];

/** What `--mount=` says, after expansion. */
export interface MountOptions {
  readonly type: MountType;
  readonly from?: string;
  readonly source?: string;
  readonly target?: string;
  readonly readonly: boolean;
  readonly size?: number;
  readonly id?: string;
  readonly sharing?: Sharing;
  readonly required: boolean;
  readonly env?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

type Draft = { -readonly [K in keyof MountOptions]?: MountOptions[K] } & { type: MountType };

/** At parse only `from` is looked at: it names a stage, so it cannot hold a variable. */
export function checkMount(text: string): { readonly from?: string } {
  let from: string | undefined;
  for (const field of recordOf(text)) {
    const { key, value } = split(field);
    if (key !== 'from' || value === undefined) continue;
    const at = value.indexOf('$');
    if (at !== -1 && at !== value.length - 1)
      throw new Problem("'from' doesn't support variable expansion, define alias stage instead", {
        hint: 'write FROM image AS name, and from=name',
      });
    from = value;
  }
  return from === undefined ? {} : { from };
}

/** The whole grammar (FEATURES M0, M7). Throws Problem naming the key, and the near one where it is a slip. */
export function readMount(text: string, expand: (word: string) => string): MountOptions {
  const draft: Draft = { type: 'bind' };
  for (const field of recordOf(text)) readField(field, draft, expand);
  checkOwner(draft);
  if (draft.type === 'secret') checkSecret(draft);
  if (draft.type === 'ssh' && set(draft.source)) throw new Problem('ssh does not support source');
  if (draft.sharing !== undefined && draft.type !== 'cache')
    throw new Problem(`invalid cache sharing set for ${draft.type} mount`);
  const writable = draft.type === 'cache' || draft.type === 'tmpfs';
  return { ...draft, readonly: draft.readonly ?? !writable, required: draft.required ?? false };
}

function split(field: string): { key: string; value: string | undefined } {
  const at = field.indexOf('=');
  const key = (at === -1 ? field : field.slice(0, at)).toLowerCase();
  return { key, value: at === -1 ? undefined : field.slice(at + 1) };
}

const BARE = ['readonly', 'ro', 'readwrite', 'rw', 'required'];

function readField(field: string, draft: Draft, expand: (word: string) => string): void {
  const { key, value } = split(field);
  if (value === undefined && !BARE.includes(key)) {
    const near = nearest(key, BARE);
    throw new Problem(
      `invalid field '${field}' must be a key=value pair`,
      near === undefined ? {} : { hint: `did you mean ${near}?` },
    );
  }
  const setter = Object.hasOwn(SETTERS, key) ? SETTERS[key] : undefined;
  if (setter === undefined) throw unexpectedKey(key, field);
  setter(draft, value === undefined ? 'true' : expand(value), key);
}

function unexpectedKey(key: string, field: string): Problem {
  const near = nearest(key, Object.keys(SETTERS));
  return new Problem(
    `unexpected key '${key}' in '${field}'`,
    near === undefined
      ? { hint: `keys are ${Object.keys(SETTERS).join(', ')}` }
      : { hint: `did you mean ${near}?` },
  );
}

type Setter = (draft: Draft, value: string, key: string) => void;

const readonly: Setter = (draft, value, key) => void (draft.readonly = boolean(value, key));
const readwrite: Setter = (draft, value, key) => void (draft.readonly = !boolean(value, key));
const source: Setter = (draft, value) => void (draft.source = value);
const target: Setter = (draft, value) => void (draft.target = value);

const SETTERS: Readonly<Record<string, Setter>> = {
  type: (draft, value) => {
    draft.type = oneOf(value, MOUNT_TYPES, 'mount type');
  },
  from: (draft, value) => void (draft.from = value),
  source,
  src: source,
  target,
  dst: target,
  destination: target,
  readonly,
  ro: readonly,
  readwrite,
  rw: readwrite,
  required: (draft, value, key) => {
    onlyFor(draft, ['secret', 'ssh'], key);
    draft.required = boolean(value, key);
  },
  size: (draft, value, key) => {
    onlyFor(draft, ['tmpfs'], key);
    const bytes = ramInBytes(value);
    if (bytes === undefined) throw new Problem(`invalid value for ${key}: ${value}`, SIZE_HINT);
    draft.size = bytes;
  },
  id: (draft, value) => void (draft.id = value),
  sharing: (draft, value) => {
    draft.sharing = oneOf(value, SHARING, 'sharing value');
  },
  mode: (draft, value) => {
    draft.mode = number(value, 8, 'mode');
  },
  uid: (draft, value) => {
    draft.uid = number(value, 10, 'uid');
  },
  gid: (draft, value) => {
    draft.gid = number(value, 10, 'gid');
  },
  env: (draft, value) => void (draft.env = value),
};

const SIZE_HINT = { hint: 'write bytes, or a unit: 64m, 1g' };

function oneOf<T extends string>(value: string, allowed: readonly T[], what: string): T {
  const found = allowed.find((each) => each === value.toLowerCase());
  if (found !== undefined) return found;
  const near = nearest(value, allowed) ?? allowed.find((each) => each.startsWith(value));
  throw new Problem(`unsupported ${what} ${JSON.stringify(value)}`, {
    hint: near === undefined ? `use one of ${allowed.join(', ')}` : `did you mean ${near}?`,
  });
}

/** `type=` must stand before the keys that only it has. */
function onlyFor(draft: Draft, types: readonly MountType[], key: string): void {
  if (types.includes(draft.type)) return;
  throw new Problem(`unexpected key '${key}' for mount type '${draft.type}'`, {
    hint: `${key} belongs to type=${types.join(' and type=')}, which must stand before it`,
  });
}

function boolean(value: string, key: string): boolean {
  const found = goBool(value);
  if (found === undefined)
    throw new Problem(`invalid value for ${key}: ${value}`, { hint: 'use true or false' });
  return found;
}

function number(value: string, base: 8 | 10, key: string): number {
  const digits = base === 8 ? /^[0-7]{1,11}$/ : /^\d{1,10}$/;
  const found = digits.test(value) ? parseInt(value, base) : NaN;
  if (found <= 0xffffffff) return found;
  throw new Problem(
    `invalid value ${value} for ${key}`,
    base === 8 ? { hint: 'write it in octal: mode=0440' } : { hint: `${key} must be a number` },
  );
}

function checkOwner(draft: Draft): void {
  if (['secret', 'ssh', 'cache'].includes(draft.type)) return;
  for (const key of ['mode', 'uid', 'gid'] as const) {
    if (draft[key] === undefined) continue;
    throw new Problem(`${key} not allowed for "${draft.type}" type mounts`);
  }
}

function set(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}

function checkSecret(draft: Draft): void {
  const [id, named] = [set(draft.id), set(draft.source)];
  if (set(draft.from)) throw new Problem('secret mount should not have a from');
  if (draft.sharing !== undefined) throw new Problem('secret mount should not define sharing');
  if (!id && !named && !set(draft.target))
    throw new Problem('invalid secret mount. one of source, target required', {
      hint: 'name the secret: --mount=type=secret,id=NAME',
    });
  if (named && id) throw new Problem("both source and id can't be set");
}
