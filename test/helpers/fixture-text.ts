import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';

/** An image's tree, config and history as text a person can review; mtimes are left out. */
export interface ImageText {
  /** path -> what is there, in the order of the paths. */
  readonly tree: ReadonlyMap<string, string>;
  readonly config: readonly string[];
  /** Oldest first. */
  readonly history: readonly string[];
}

const SHORT = 120;
const FIELDS = ['User', 'Env', 'Entrypoint', 'Cmd', 'WorkingDir', 'Labels', 'ExposedPorts'].concat([
  'Volumes',
  'StopSignal',
  'Healthcheck',
  'Shell',
  'OnBuild',
]);

const NOTHING: ImageText = { tree: new Map(), config: [], history: [] };

/** What the image has more, less or otherwise than `bb`, if its history says that it is made of it; else all it has. */
export function differenceText(image: ImageText, bb: ImageText): string {
  const base = bb.history.every((line, i) => line === image.history[i]) ? bb : NOTHING;
  const gone = [...base.tree.keys()].filter((path) => !image.tree.has(path));
  const changed = [...image.tree].filter(([path, text]) => base.tree.get(path) !== text);
  const tree = [
    ...changed.map(([path, text]) => `${path} ${text}`),
    ...gone.map((path) => `${path} (gone)`),
  ].sort();
  const fieldsGone = base.config
    .filter((line) => !image.config.includes(line))
    .filter((line) => !image.config.some((ours) => fieldOf(ours) === fieldOf(line)));
  const config = [
    ...image.config.filter((line) => !base.config.includes(line)),
    ...fieldsGone.map((line) => `${line} (gone)`),
  ];
  const history = image.history.slice(base.history.length);
  return section('tree', tree) + section('config', config) + section('history', history);
}

function fieldOf(line: string): string {
  return line.split(' ', 1)[0] ?? '';
}

function section(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return `${title}: (as the base)\n`;
  return `${title}:\n${lines.map((line) => `  ${line.replaceAll('\n', '\n    ')}\n`).join('')}`;
}

export function treeText(root: string): Map<string, string> {
  const tree = new Map<string, string>();
  const links = new Map<number, string>();
  const visit = (path: string): void => {
    for (const name of readdirSync(join(root, path)).sort()) {
      const child = `${path}/${name}`;
      const stat = lstatSync(join(root, child));
      const first = stat.nlink > 1 && stat.isFile() ? links.get(stat.ino) : undefined;
      links.set(stat.ino, child);
      tree.set(
        child,
        first === undefined ? entryText(join(root, child), stat) : `hard link to ${first}`,
      );
      if (stat.isDirectory()) visit(child);
    }
  };
  visit('');
  return tree;
}

function entryText(path: string, stat: Stats): string {
  const owner = `${String(stat.uid)}:${String(stat.gid)}`;
  if (stat.isSymbolicLink()) return `link ${owner} -> ${readlinkSync(path)}`;
  const mode = (stat.mode & 0o7777).toString(8);
  if (stat.isFile()) return `file ${mode} ${owner} ${contentText(readFileSync(path))}`;
  if (stat.isDirectory()) return `dir ${mode} ${owner}`;
  if (stat.isFIFO()) return `fifo ${mode} ${owner}`;
  if (stat.isSocket()) return `socket ${mode} ${owner}`;
  const kind = stat.isBlockDevice() ? 'block' : 'char';
  return `${kind} ${mode} ${owner} ${String(stat.rdev >> 8)},${String(stat.rdev & 255)}`;
}

function contentText(bytes: Buffer): string {
  const text = bytes.toString();
  if (bytes.length <= SHORT && Buffer.from(text).equals(bytes)) return JSON.stringify(text);
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  return `${String(bytes.length)} bytes sha256:${hash}`;
}

/** The fields that decide how an image runs, one thing a line; empty and absent are one. */
export function configText(inspect: Readonly<Record<string, unknown>>): string[] {
  const config = (inspect['Config'] ?? {}) as Readonly<Record<string, unknown>>;
  const lines = FIELDS.flatMap((field) => fieldText(field, config[field]));
  const author = inspect['Author'];
  return typeof author === 'string' && author !== '' ? [...lines, `Author ${author}`] : lines;
}

function fieldText(field: string, value: unknown): string[] {
  if (value === undefined || value === null || value === '') return [];
  if (field === 'Env' || field === 'OnBuild') {
    return (value as readonly string[]).map((entry) => `${field} ${entry}`);
  }
  if (field === 'Labels') {
    return Object.entries(value as Record<string, string>).map(
      ([key, text]) => `Label ${key}=${text}`,
    );
  }
  if (field === 'ExposedPorts' || field === 'Volumes') {
    const keys = Object.keys(value);
    return keys.length === 0 ? [] : [`${field} ${keys.join(' ')}`];
  }
  return [`${field} ${typeof value === 'string' ? value : JSON.stringify(value)}`];
}
