import type { BuildTarget, Outline, OutlineMount } from '../../model/outline.js';
import { base64, indented, location } from './location.js';
import { tabbed } from './tabbed.js';

/** The tables of `--call=outline`; cache mounts, which buildx leaves out, are one more. */
export function outlineText({ name, description, args, secrets, ssh, cache }: Outline): string {
  const head = [['TARGET:', name === '' ? '(default)' : name]];
  if (description !== '') head.push(['DESCRIPTION:', description]);
  const tables = [
    name === '' && description === '' ? '' : tabbed(head, 1),
    section(
      ['BUILD ARG', 'VALUE', 'DESCRIPTION'],
      args.map((arg) => [arg.name, arg.value, arg.description]),
    ),
    section(['SECRET', 'REQUIRED'], secrets.map(mountRow)),
    section(['SSH', 'REQUIRED'], ssh.map(mountRow)),
    section(
      ['CACHE MOUNT'],
      cache.map((mount) => [mount.name]),
    ),
  ];
  return tables
    .filter((text) => text !== '')
    .map((text) => `${text}\n`)
    .join('');
}

function section(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : tabbed([header, ...rows], 3);
}

function mountRow({ name, required }: OutlineMount): string[] {
  return [name, required ? 'true' : ''];
}

/** BuildKit's `result.json` of the request `frontend.outline`: what is empty is left out. */
export function outlineJson(outline: Outline, source: string): string {
  const filled = (text: string): string | undefined => (text === '' ? undefined : text);
  const mounts = (list: readonly OutlineMount[]): readonly object[] | undefined =>
    some(
      list.map(({ name, required, range }) => ({
        name,
        ...(required ? { required } : {}),
        location: location(range),
      })),
    );
  return indented({
    name: filled(outline.name),
    description: filled(outline.description),
    args: some(
      outline.args.map(({ name, value, description, range }) => ({
        name,
        description: filled(description),
        value: filled(value),
        location: location(range),
      })),
    ),
    secrets: mounts(outline.secrets),
    ssh: mounts(outline.ssh),
    cache: some(outline.cache.map(({ name, range }) => ({ ID: name, location: location(range) }))),
    sources: [base64(source)],
  });
}

function some<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** `--call=targets`. */
export function targetsText(targets: readonly BuildTarget[]): string {
  const rows = targets.map(({ name, isDefault, description }) => [
    isDefault ? `${name} (default)`.trimStart() : name,
    description,
  ]);
  return tabbed([['TARGET', 'DESCRIPTION'], ...rows], 1);
}

/** BuildKit's `result.json` of the request `frontend.targets`. */
export function targetsJson(targets: readonly BuildTarget[], source: string): string {
  return indented({
    targets: targets.map(({ name, isDefault, description, base, platform, range }) => ({
      ...(name === '' ? {} : { name }),
      ...(isDefault ? { default: true } : {}),
      ...(description === '' ? {} : { description }),
      base,
      platform,
      location: location(range),
    })),
    sources: [base64(source)],
  });
}
