import { posix } from 'node:path';
import type { FileOwner, MountSpec, Vertex } from '../model/graph.js';
import { Problem } from './problem.js';
import { type MountOptions, readMount } from './run-mount.js';
import { absolute } from './stage-state.js';
import type { Step } from './step.js';

/** The mounts of a RUN, and the vertices they come from: `input` counts from 1, for the root is input 0. */
export async function dispatchMounts(
  texts: readonly string[],
  step: Step,
): Promise<{ mounts: readonly MountSpec[]; inputs: readonly Vertex[] }> {
  const inputs: Vertex[] = [];
  const mounts: MountSpec[] = [];
  let sockets = 0;
  for (const text of texts) {
    const options = readMount(text, step.expand);
    const input = await inputOf(options, inputs, step);
    mounts.push(specOf(options, { input, step, socket: sockets }));
    if (options.type === 'ssh') sockets++;
  }
  return { mounts, inputs };
}

async function inputOf(
  { type, from }: MountOptions,
  inputs: Vertex[],
  { context, instruction }: Step,
): Promise<number | undefined> {
  if (from === undefined || from === '' || (type !== 'bind' && type !== 'cache')) return undefined;
  if (/^\d+$/.test(from))
    throw new Problem(`mount from=${from}: a stage is named, not counted, in --mount`, {
      hint: 'name it: FROM image AS name, and from=name',
    });
  const vertex = await context.source(from, instruction.range);
  const known = inputs.findIndex(({ digest }) => digest === vertex.digest);
  return known === -1 ? inputs.push(vertex) : known + 1;
}

interface Where {
  readonly input: number | undefined;
  readonly step: Step;
  /** ssh mounts before this one. */
  readonly socket: number;
}

function specOf(options: MountOptions, { input, step, socket }: Where): MountSpec {
  const { type, readonly } = options;
  if (type === 'secret') return secret(options, step);
  if (type === 'ssh') return ssh(options, step, socket);
  const target = targetOf(options.target ?? '', step);
  if (type === 'tmpfs') return { type, target, size: options.size ?? 0, readonly };
  const source = posix.resolve('/', posix.join('/', options.source ?? ''));
  const common = { target, source, readonly, ...(input === undefined ? {} : { input }) };
  if (type === 'bind') return { type, ...common };
  const { mode, uid, gid, id, sharing = 'shared' } = options;
  const explicit = mode !== undefined || uid !== undefined || gid !== undefined;
  return {
    type,
    ...common,
    id: id === undefined || id === '' ? cleaned(options.target ?? '') : id,
    namespace: step.context.buildArgs['BUILDKIT_CACHE_MOUNT_NS'] ?? '',
    sharing,
    ...(explicit && source === '/' ? { owner: ownerOf(options, 0o755) } : {}),
  };
}

/** Without `.`, `..` and a slash at the end. */
function cleaned(path: string): string {
  return posix.normalize(path).replace(/(.)\/+$/, '$1');
}

function targetOf(written: string, { state }: Step): string {
  if (written === '')
    throw new Problem('invalid mount target ""', { hint: 'give it a target: target=/path' });
  const target = absolute(written, state.config.WorkingDir);
  if (target !== '/') return target;
  throw new Problem(`invalid mount target ${JSON.stringify(target)}`, {
    hint: 'mount below the root, for example target=/mnt',
  });
}

function ownerOf({ uid, gid, mode }: MountOptions, usual: number): FileOwner {
  return { uid: uid ?? 0, gid: gid ?? 0, mode: (mode ?? usual) & 0o7777 };
}

function secret(options: MountOptions, step: Step): MountSpec {
  const { target = '', env, required } = options;
  const id = [options.source, options.id, posix.basename(target)].find(
    (each) => each !== undefined && each !== '',
  );
  if (id === undefined) throw new Problem('one of source, target required');
  if (env !== undefined && !/^[^=\0]+$/.test(env))
    throw new Problem(`invalid name of a variable: env=${env}`);
  const file = target === '' && env === undefined ? `/run/secrets/${posix.basename(id)}` : target;
  return {
    type: 'secret',
    id,
    ...(file === '' ? {} : { target: targetOf(file, step) }),
    ...(env === undefined ? {} : { env }),
    required,
    owner: ownerOf(options, 0o400),
  };
}

function ssh(options: MountOptions, step: Step, socket: number): MountSpec {
  const { id = '', target = '', required } = options;
  const path = target === '' ? `/run/buildkit/ssh_agent.${String(socket)}` : target;
  const owner = ownerOf(options, 0o600);
  return {
    type: 'ssh',
    id: id === '' ? 'default' : id,
    target: targetOf(path, step),
    required,
    owner,
  };
}
