import type { CopySpec, ExecSpec, MountSpec } from '../../src/model/graph.js';
import type { RunSettings } from '../../src/model/run-settings.js';
import type { Random } from '../fuzz/random.js';

/** A tree in memory: what a COPY or a bind mount reads. */
export interface FileFacts {
  readonly type: 'file' | 'directory' | 'symlink' | 'character-device' | 'fifo';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly body: string;
  readonly xattrs: string;
}
export type Files = Readonly<Record<string, FileFacts>>;

/** What a step is keyed by, as plain data; `inputs` stand for the digests of what it builds on. */
export interface StepInputs {
  readonly op: ExecSpec | CopySpec | { readonly kind: 'mkdir'; path: string; user: string } | Http;
  readonly settings: RunSettings;
  readonly files: Files;
  readonly inputs: readonly string[];
}
interface Http {
  readonly kind: 'http';
  readonly filename: string;
  readonly checksum: string;
  readonly modified: number;
}

/** Texts that look alike once they are joined, cut or padded. */
const TEXTS = ['', 'a', 'b', 'ab', 'a b', 'a=b', 'a\nb', 'a,b', 'a:b', '"a"', '/a', '/a/b', 'é', '1', '01', 'true', 'a\0b', 's1:a', 'l2:', '-', '--', ' ']; // prettier-ignore
const text = (random: Random): string =>
  random.chance(70)
    ? random.pick(TEXTS)
    : `${random.pick(TEXTS)}${random.pick(TEXTS)}${String(random.int(50))}`;
const list = <T>(random: Random, most: number, make: () => T): T[] =>
  Array.from({ length: random.int(most + 1) }, make);
const path = (random: Random): string =>
  `/${random.pick(['a', 'b', 'a/b', 'ab', 'c'])}${random.pick(['', '/'])}`;
const owner = (random: Random) => ({
  uid: random.int(3),
  gid: random.int(3),
  mode: random.pick([0o400, 0o600, 0o644]),
});

function mount(random: Random): MountSpec {
  const target = path(random);
  const readonly = random.chance(50);
  switch (random.int(5)) {
    case 0:
      return { type: 'bind', target, readonly, source: random.pick(['/', '/a', '/b']) };
    case 1:
      return { type: 'cache', target, readonly, id: target, namespace: '', sharing: 'shared', source: random.pick(['/', '/a']) }; // prettier-ignore
    case 2:
      return { type: 'tmpfs', target, readonly, size: random.int(3) * 4096 };
    case 3:
      return { type: 'secret', target, id: text(random), required: random.chance(50), owner: owner(random), ...(random.chance(50) ? { env: 'E' } : {}) }; // prettier-ignore
    default:
      return {
        type: 'ssh',
        target,
        id: text(random),
        required: random.chance(50),
        owner: owner(random),
      };
  }
}

function exec(random: Random): ExecSpec {
  return {
    kind: 'exec',
    args: list(random, 4, () => text(random)),
    env: list(random, 3, () => ({
      name: random.pick(['A', 'B', 'AB', 'PATH']),
      value: text(random),
      origin: random.pick(['ENV', 'ARG'] as const),
    })),
    cwd: path(random),
    user: random.pick(['', '0', '1', 'a', 'a:b', '1:1']),
    network: random.pick(['default', 'none', 'host'] as const),
    security: random.pick(['sandbox', 'insecure'] as const),
    mounts: list(random, 3, () => mount(random)),
    devices: [],
    platform: random.pick([
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm', variant: 'v6' },
      { os: 'linux', architecture: 'arm', variant: 'v7' },
    ]),
    ...(random.chance(30)
      ? { script: { name: random.pick(['a', 'b']), content: text(random) } }
      : {}),
    ...(random.chance(30) ? { hostname: random.pick(['a', 'b']) } : {}),
  };
}

function copy(random: Random): CopySpec {
  const unpack = random.chance(30);
  return {
    kind: 'copy',
    instruction: unpack ? 'ADD' : 'COPY',
    from: 'context',
    sources: random.pick([['.'], ['a'], ['b'], ['a', 'b'], ['*'], ['a*']]),
    dest: random.pick(['/', '/a', '/a/', '/b/']),
    unpack,
    ...(random.chance(40) ? { chown: random.pick(['0', '1', '1:1', 'a', 'a:b']) } : {}),
    ...(random.chance(40) ? { chmod: random.pick(['644', '0644', 'u=rwX', '755']) } : {}),
    ...(random.chance(30) ? { exclude: random.pick([['a'], ['*.x'], ['a', '!b']]) } : {}),
    ...(random.chance(20) ? { parents: true } : {}),
    ...(random.chance(30)
      ? {
          inline: list(random, 2, () => ({ name: random.pick(['x', 'y']), content: text(random) })),
        }
      : {}),
  };
}

function file(random: Random, type: FileFacts['type']): FileFacts {
  return {
    type,
    mode: random.pick([0o644, 0o755, 0o600, 0o4755, 0o1777]),
    uid: 0,
    gid: 0,
    body:
      type === 'directory' || type === 'fifo' ? '' : `${text(random)}${String(random.int(1000))}`,
    xattrs: type === 'file' && random.chance(10) ? text(random) : '',
  };
}

/** `a` and `b` are always there: sources name them. */
function files(random: Random): Files {
  const made: Record<string, FileFacts> = { b: file(random, 'file') };
  made['a'] = file(random, random.pick(['file', 'directory', 'directory'] as const));
  if (made['a'].type !== 'directory') return made;
  for (const name of ['a', 'b', 'ab', 'c', 'c/a', 'c/z', 'z', 'é\n']) {
    if (random.chance(45)) continue;
    const parent = name.includes('/') ? 'a/c' : 'a';
    if (made[parent]?.type !== 'directory') continue;
    made[`a/${name}`] = file(random, name === 'c' ? 'directory' : random.pick(['file', 'file', 'symlink', 'character-device', 'fifo'] as const)); // prettier-ignore
  }
  return made;
}

function settings(random: Random): RunSettings {
  return {
    allow: ['security.insecure', 'network.host'],
    ...(random.chance(20) ? { shmSize: random.int(3) * 4096 } : {}),
    ...(random.chance(20) ? { cgroupParent: random.pick(['/a', '/b']) } : {}),
    ...(random.chance(20)
      ? {
          addHosts: list(random, 2, () => ({
            name: random.pick(['a', 'b', 'a b']),
            address: '1.2.3.4',
          })),
        }
      : {}),
    ...(random.chance(20)
      ? { ulimits: list(random, 2, () => ({ name: random.pick(['nofile', 'core']), soft: random.int(12), hard: random.int(112) })) } // prettier-ignore
      : {}),
  };
}

/** Every kind of step that has a key of its own. */
export function randomStep(random: Random): StepInputs {
  const inputs = list(random, 2, () => `result ${String(random.int(20))}`);
  const base = { settings: {}, files: {}, inputs };
  switch (random.int(5)) {
    case 0:
    case 1:
      return { op: exec(random), settings: settings(random), files: files(random), inputs };
    case 2:
      return { ...base, op: { kind: 'mkdir', path: path(random), user: text(random) } };
    case 3:
      return {
        ...base,
        op: {
          kind: 'http',
          filename: random.pick(['a', 'b', 'a b']),
          checksum: `sha256:${String(random.int(1e6)).padStart(64, '0')}`,
          modified: random.int(5) * 1000,
        },
      };
    default:
      return { ...base, op: copy(random), files: files(random) };
  }
}

/** The same step with one thing changed: a field from elsewhere, or a boundary moved between two neighbours. */
export function nearStep(random: Random, step: StepInputs): StepInputs {
  let other = randomStep(random);
  while (other.op.kind !== step.op.kind) other = randomStep(random);
  if (random.chance(15)) return { ...step, inputs: moved(random, step.inputs) };
  if (random.chance(25)) return { ...step, files: nearFiles(random, step.files) };
  if (random.chance(20)) return { ...step, settings: other.settings };
  const op = { ...step.op } as Record<string, unknown>;
  const key = random.pick(
    Object.keys({ ...step.op, ...other.op }).filter((name) => name !== 'kind'),
  );
  const own = op[key];
  // Sources must be there, patterns be patterns.
  if (isTexts(own) && key !== 'sources' && key !== 'exclude' && random.chance(60))
    op[key] = moved(random, own);
  else op[key] = (other.op as unknown as Record<string, unknown>)[key];
  if (op[key] === undefined) Reflect.deleteProperty(op, key);
  return { ...step, op: op as unknown as StepInputs['op'] };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

/** Neighbours joined, split, swapped, dropped, doubled; a character goes over to the next. */
function moved(random: Random, texts: readonly string[]): string[] {
  const at = random.int(texts.length + 1);
  const [one = '', two = ''] = texts.slice(at);
  const [before, after] = [texts.slice(0, at), texts.slice(at + 2)];
  const way = random.int(6);
  if (way === 0) return [...before, `${one}${two}`, ...after];
  if (way === 1) return [...before, one.slice(0, -1), `${one.slice(-1)}${two}`, ...after];
  if (way === 2) return [...before, two, one, ...after];
  if (way === 3) return [...before, one, ...after];
  if (way === 4) return [...before, one, one, two, ...after];
  return [...before, one.slice(0, 1), one.slice(1), two, ...after];
}

/** A file's fact changed, two contents swapped, one renamed, moved up, or gone. */
function nearFiles(random: Random, all: Files): Files {
  const changed: Record<string, FileFacts> = { ...all };
  const names = Object.keys(all);
  if (names.length === 0) return all;
  const name = random.pick(names);
  const facts = all[name]!; // One of its keys.
  const other = random.pick(names);
  const isLeaf = facts.type !== 'directory' && name.includes('/');
  const way = random.int(6);
  if (way === 0) changed[name] = { ...facts, mode: facts.mode ^ 0o111 };
  else if (way === 1 && facts.type === 'file') changed[name] = { ...facts, xattrs: text(random) };
  else if (way === 2 && facts.type === 'file' && all[other]?.type === 'file')
    [changed[name], changed[other]] = [{ ...facts, body: all[other].body }, { ...all[other], body: facts.body }]; // prettier-ignore
  else if (way === 5 && name === 'a/c/z' && !('a/z' in all)) {
    Reflect.deleteProperty(changed, name);
    changed['a/z'] = facts;
  } else if (isLeaf && !(`${name}x` in all)) {
    Reflect.deleteProperty(changed, name);
    if (way === 3) changed[`${name}x`] = facts;
  } else if (facts.type !== 'directory' && facts.type !== 'fifo')
    changed[name] = { ...facts, body: `${facts.body}${String(random.int(10))}` };
  return changed;
}
