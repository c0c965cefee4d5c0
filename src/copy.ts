import { treesOf } from './container/container-copy.js';
import { applyTar } from './cache/apply.js';
import { mergedView } from './cache/merged-view.js';
import { userFiles } from './cache/user-files.js';
import { openLayers } from './commit.js';
import {
  checkDirectory,
  type OpenSource,
  sourceInside,
  targetInside,
} from './container/copy-inside.js';
import { sourceHere, targetHere } from './container/copy-local.js';
import { placeCopy, splitCopyArgument } from './container/copy-rules.js';
import { extractTar } from './container/extract-tar.js';
import {
  type ContainerRoot,
  openContainerLayers,
  openContainerRoot,
  type RootDeps,
} from './container/open-root.js';
import { treeTar } from './container/tree-tar.js';
import { writeTo } from './exporter/tar-file.js';
import type { ContainerState } from './model/container.js';
import { BuildError } from './model/error.js';
import type { Identity } from './model/process.js';
import type { Scope } from './model/scope.js';
import type { Bytes } from './model/stores.js';
import { resolveUser } from './runtime/users.js';
import type { Workshop } from './workshop.js';

export interface CopyRequest {
  /** `CONTAINER:PATH`, a path of ours, or `-`: a tar from stdin or to stdout. */
  readonly from: string;
  readonly to: string;
  /** Copy what a final link means, not the link. */
  readonly follow: boolean;
  /** Keep owners (out of a container), or give all to the container's user (into it), as docker's -a. */
  readonly archive: boolean;
}

/** How much was copied: bytes of a file (of a directory: not known), and of the tar it travelled in. */
export interface Copied {
  readonly transferred: number;
  readonly content?: number;
}

interface Inside {
  readonly container: string;
  readonly path: string;
}

/** docker's cp, with its rules and its words. Undefined when the copy went to stdout. */
export async function copy(
  request: CopyRequest,
  workshop: Workshop,
  scope: Scope,
): Promise<Copied | undefined> {
  const [from, to] = [splitCopyArgument(request.from), splitCopyArgument(request.to)] as const;
  for (const { container, path } of [from, to]) {
    if (container !== undefined && path === '') {
      throw new BuildError('usage', 'path cannot be empty', { hint: `name one: ${container}:/` });
    }
  }
  if (from.container !== undefined && to.container !== undefined)
    throw new BuildError('usage', 'copying between containers is not supported');
  if (to.container !== undefined)
    return copyInto(request, { container: to.container, path: to.path }, workshop, scope);
  if (from.container === undefined)
    throw new BuildError('usage', 'must specify at least one container source');
  const inside = { container: from.container, path: from.path };
  return copyOut(inside, request, workshop, scope);
}

async function copyOut(
  inside: Inside,
  { to, follow, archive }: CopyRequest,
  workshop: Workshop,
  scope: Scope,
): Promise<Copied | undefined> {
  const target = to === '-' ? undefined : targetHere(to);
  await using root = await openFor(inside.container, false, workshop);
  const { containers } = workshop;
  containers.tell(containers.find(inside.container), 'archive-path');
  using source = sourceInside(root, inside.path, { container: inside.container, follow });
  const walk = { hidden: root.hidden, signal: scope.signal };
  if (target === undefined) {
    await writeTo('-', tarOf(source, source.base, walk), scope);
    return undefined;
  }
  const named = follow ? { ...source, base: nameOf(inside.path, source) } : source;
  const { directory, as } = placeCopy(named, target);
  const meter = { transferred: 0 };
  const me = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  await applyTar(metered(tarOf(source, as, walk), meter), directory, {
    whiteouts: false,
    live: true,
    ...(archive ? {} : { owner: me }),
  });
  return { ...meter, ...(source.isDirectory ? {} : { content: source.size }) };
}

/** A link that was followed keeps the name it was asked by. */
function nameOf(path: string, source: OpenSource): string {
  const asked = path.replace(/\/+$/, '').split('/').pop() ?? '';
  return source.base === '' || asked === '' ? source.base : Buffer.from(asked).toString('latin1');
}

async function copyInto(
  { from, follow, archive }: CopyRequest,
  { container, path }: Inside,
  workshop: Workshop,
  { signal }: Scope,
): Promise<Copied> {
  await using root = await openFor(container, true, workshop);
  const { containers } = workshop;
  containers.tell(containers.find(container), 'extract-to-dir');
  const target = targetInside(root, path);
  const meter = { transferred: 0 };
  const owner = archive ? await ownerFor(container, workshop) : undefined;
  const into = { root: root.fd, ...(owner === undefined ? {} : { owner }) };
  if (from === '-') {
    if (!target.isDirectory)
      throw new BuildError('usage', `destination "${container}:${path}" must be a directory`);
    await extractTar(metered(process.stdin, meter), { ...into, directory: below(target.path) });
    return meter;
  }
  using source = sourceHere(from, follow);
  const { directory, as } = placeCopy(source, target);
  checkDirectory(root, directory, container);
  const tar = tarOf(source, as, { hidden: new Set<number>(), signal });
  await extractTar(metered(tar, meter), { ...into, directory: below(directory) });
  return { ...meter, ...(source.isDirectory ? {} : { content: source.size }) };
}

/** The whole filesystem of a container as a tar, without what is mounted in it, to a file or (`-`) to stdout. */
export async function exportContainer(
  name: string,
  dest: string,
  workshop: Workshop,
  scope: Scope,
): Promise<void> {
  const state = workshop.containers.find(name);
  await using root = await openContainerLayers(state, await depsOf(state, workshop));
  const { hidden } = root;
  const options = { as: '', hidden, oneFilesystem: true, bare: true, signal: scope.signal };
  await writeTo(dest, treeTar(root.fd, '.', options), scope);
  workshop.containers.tell(state, 'export');
}

function tarOf(
  source: OpenSource,
  as: string,
  walk: { readonly hidden: ReadonlySet<number>; readonly signal: AbortSignal },
): Bytes {
  return treeTar(source.directory, source.name, { as, ...walk });
}

async function openFor(name: string, write: boolean, workshop: Workshop): Promise<ContainerRoot> {
  const state = workshop.containers.find(name);
  return openContainerRoot(state, write, await depsOf(state, workshop));
}

async function depsOf(state: ContainerState, workshop: Workshop): Promise<RootDeps> {
  const { containers, temporary, volumes } = workshop;
  return { containers, snapshot: await openLayers(state, workshop), temporary, volumes };
}

/** The container's user, if it has one. */
async function ownerFor(name: string, workshop: Workshop): Promise<Identity | undefined> {
  const state = workshop.containers.find(name);
  const { User = '' } = state.config;
  if (User === '') return undefined;
  const snapshot = await openLayers(state, workshop);
  const trees = treesOf(state.id, { containers: workshop.containers, snapshot });
  return resolveUser(userFiles(mergedView(trees)), User);
}

function below(path: string): string {
  return path.replace(/^\/+/, '');
}

async function* metered(bytes: AsyncIterable<Uint8Array>, meter: { transferred: number }): Bytes {
  for await (const chunk of bytes) {
    meter.transferred += chunk.length;
    yield chunk;
  }
}
