import type { CopySpec, MountSpec } from '../../src/model/graph.js';
import type { FileFacts, Files, StepInputs } from './key-inputs.js';

/**
 * What of a step's inputs changes its result, said a second time and plainly (FEATURES 1.13): steps that differ in it
 * must differ in their keys. Where a rule is too much to say twice (--exclude), less is said, and less is asked for.
 */
export function whatMatters(step: StepInputs): string {
  const { op, settings, files, inputs } = step;
  if (op.kind === 'copy') return JSON.stringify([inputs, 'copy', copied(op, files)]);
  if (op.kind !== 'exec') return JSON.stringify([inputs, op]);
  const { ulimits = [], addHosts = [], shmSize, cgroupParent } = settings;
  const { kind, args, env, cwd, user, network, security, platform, script, hostname } = op;
  const hosts = addHosts.map(({ name }) => name);
  return JSON.stringify([
    ...[inputs, kind, args, env, cwd, user, network, security, platform, script, hostname],
    ...[op.mounts.map((mount) => mounted(mount, files)), ulimits, hosts, shmSize, cgroupParent],
  ]);
}

function mounted(mount: MountSpec, files: Files): unknown {
  if (mount.type !== 'bind') return mount;
  const { type, target, readonly, source } = mount;
  const name = source.slice(1);
  return [type, target, readonly, files[name], below(files, name)];
}

function copied(op: CopySpec, files: Files): unknown {
  const { dest, unpack, parents, chown, chmod, exclude, inline = [] } = op;
  const rest = [dest, unpack, parents, chown, chmod, exclude, inline];
  if (exclude !== undefined) return rest;
  const names = op.sources.flatMap((source) => named(source));
  if (parents === true) return [rest, kept(files, names)];
  return [rest, names.map((name) => taken(files, name))];
}

/** `a` and `b` are what there is at the top. */
function named(source: string): readonly string[] {
  if (source === '*') return ['a', 'b'];
  return source === 'a*' ? ['a'] : [source === '.' ? '' : source];
}

/** A directory gives its contents and is nobody itself. */
function taken(files: Files, name: string): unknown {
  return files[name]?.type === 'file' ? [name, files[name]] : below(files, name);
}

/** Whole paths, however they were named. */
function kept(files: Files, names: readonly string[]): unknown {
  const top = (path: string): string => path.split('/')[0] ?? '';
  return below(files, '').filter(([path]) => names.includes('') || names.includes(top(path)));
}

function below(files: Files, directory: string): [string, FileFacts][] {
  const prefix = directory === '' ? '' : `${directory}/`;
  return Object.entries(files)
    .filter(([path]) => path.startsWith(prefix))
    .map(([path, facts]): [string, FileFacts] => [path.slice(prefix.length), facts])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
