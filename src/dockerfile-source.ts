import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, posix, resolve } from 'node:path';
import { hostPath, resolveInside, toBytes } from './cache/source-tree.js';
import { type ContextSource, MAX_DOCKERFILE } from './context-source.js';
import { openContext } from './executor/build-context.js';
import type { RemoteSources } from './executor/remote-sources.js';
import { noIgnoreRules } from './ignore-file.js';
import { collectInput, readInputFile } from './input-file.js';
import { BuildError } from './model/error.js';
import { nearest } from './model/nearest.js';
import { redactUrls } from './model/redact-urls.js';
import type { Scope } from './model/scope.js';
import type { Bytes } from './model/stores.js';
import { shownPath } from './shown-path.js';

/** The text a build starts from. */
export interface DockerfileSource {
  readonly text: string;
  /** The last part of its path, for titles. */
  readonly name: string;
  /** For messages: a path that can be opened, when it is a file of this machine. */
  readonly shown: string;
  /** Identifies it from build to build. */
  readonly place: string;
  /** When it is a file of this machine. */
  readonly path?: string;
}

export interface DockerfileRequest {
  /** `-f`. */
  readonly file: string | undefined;
  readonly context: ContextSource;
  readonly stdin: Bytes | undefined;
}

/** Finds and reads the Dockerfile. Throws BuildError `not-found`, `usage`, or `syntax` when it is too large. */
export async function readDockerfile(
  request: DockerfileRequest,
  remote: RemoteSources,
  scope: Scope,
): Promise<DockerfileSource> {
  const { file, context } = request;
  if (file === '-') return fromStdin(request);
  if (file !== undefined && /^https?:\/\//i.test(file)) return fromWeb(file, remote, scope);
  if (context.dockerfile !== undefined) {
    if (file !== undefined) throw twice();
    const shown = context.shown === '-' ? 'stdin' : context.shown;
    return { text: textOf(context.dockerfile), name: 'Dockerfile', shown, place: context.shown };
  }
  if (context.local || (file !== undefined && isAbsolute(file))) return fromDisk(file, context);
  return fromContext(file, context);
}

function textOf(bytes: Buffer): string {
  return bytes.toString('utf8');
}

async function fromStdin({ context, stdin }: DockerfileRequest): Promise<DockerfileSource> {
  if (context.shown === '-')
    throw new BuildError('usage', "can't use stdin for both build context and dockerfile", {
      hint: 'give one of them as a path',
    });
  if (stdin === undefined)
    throw new BuildError('usage', 'a Dockerfile from stdin needs stdin', {
      hint: 'the API takes a path',
    });
  const bytes = await collectInput(stdin, 'the Dockerfile', MAX_DOCKERFILE);
  return { text: textOf(bytes), name: 'Dockerfile', shown: 'stdin', place: '-' };
}

async function fromWeb(
  file: string,
  remote: RemoteSources,
  scope: Scope,
): Promise<DockerfileSource> {
  const shown = redactUrls(file);
  if (!URL.canParse(file)) throw new BuildError('usage', `${JSON.stringify(shown)} is not a URL`);
  const { download } = await import('./executor/download.js');
  const { path } = await download({ url: new URL(file), bytes: true }, remote, scope);
  const bytes = path === undefined ? undefined : readInputFile(path, shown, MAX_DOCKERFILE);
  if (bytes === undefined) throw new Error('a download without bytes');
  return { text: textOf(bytes), name: basename(new URL(file).pathname), shown, place: shown };
}

function fromDisk(file: string | undefined, { dir }: ContextSource): DockerfileSource {
  const upper = join(dir, 'Dockerfile');
  const lower = join(dir, 'dockerfile');
  const path =
    file === undefined ? (!existsSync(upper) && existsSync(lower) ? lower : upper) : resolve(file);
  const shown = shownPath(path);
  const bytes = readInputFile(path, shown, MAX_DOCKERFILE);
  if (bytes === undefined) throw notFound(shown, otherFile(file, path, dir));
  return { text: textOf(bytes), name: basename(path), shown, place: path, path };
}

/** Of a context from afar: a link in it leads where it leads inside it. */
function fromContext(file: string | undefined, { dir, shown }: ContextSource): DockerfileSource {
  const tree = openContext({ dir, ignore: noIgnoreRules(), now: 0n });
  const names = file === undefined ? ['Dockerfile', 'dockerfile'] : [file];
  for (const name of names) {
    const path = resolveInside(tree, toBytes(name), true);
    const found = path === undefined ? undefined : tree.entry(path);
    if (path === undefined || found === undefined) continue;
    const where = `${shown === '-' ? 'stdin' : shown}:${name}`;
    const bytes = readInputFile(hostPath(dir, path), where, MAX_DOCKERFILE);
    if (bytes === undefined) continue;
    return { text: textOf(bytes), name: posix.basename(name), shown: where, place: where };
  }
  throw notFound(`${names[0] ?? ''} in ${shown}`);
}

/** The file that was most likely meant: `-f` is relative to where one is, not to the context. */
function otherFile(file: string | undefined, path: string, dir: string): string | undefined {
  if (file === undefined) {
    const named = namesIn(dir).filter((name) => /dockerfile|containerfile/i.test(name));
    return named[0] === undefined ? undefined : join(dir, named[0]);
  }
  const inContext = join(dir, file);
  if (!isAbsolute(file) && existsSync(inContext)) return inContext;
  const near = nearest(basename(path), namesIn(dirname(path)));
  return near === undefined ? undefined : join(dirname(path), near);
}

/** Files of a directory, sorted; none of one that cannot be read. */
function namesIn(dir: string): string[] {
  try {
    const entries = readdirSync(dir, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isFile() ? [entry.name] : [])).sort();
  } catch {
    return [];
  }
}

function notFound(shown: string, other?: string): BuildError {
  return new BuildError(
    'not-found',
    `failed to read dockerfile: open ${shown}: no such file or directory`,
    {
      hint:
        other === undefined
          ? 'name it with -f, or give the directory it is in'
          : `did you mean -f ${shownPath(other)}?`,
    },
  );
}

function twice(): BuildError {
  return new BuildError(
    'usage',
    'ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles',
    { hint: 'leave out -f, or give a context' },
  );
}
