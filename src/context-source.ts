import { randomBytes } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { RemoteSources } from './executor/remote-sources.js';
import { collectInput } from './input-file.js';
import { internalVertex } from './internal-vertex.js';
import { BuildError } from './model/error.js';
import { type GitReference, parseGitReference } from './model/git-reference.js';
import { nearest } from './model/nearest.js';
import { redactUrls } from './model/redact-urls.js';
import type { Scope } from './model/scope.js';
import type { Bytes } from './model/stores.js';

/** A build context on disk. */
export interface ContextSource {
  readonly dir: string;
  /** The user's own directory; else a copy of what came from afar, which goes with the process. */
  readonly local: boolean;
  /** For messages: what the user gave, without credentials. */
  readonly shown: string;
  /** What came instead of a context: the Dockerfile itself. */
  readonly dockerfile?: Buffer;
  /** When it was made, in seconds, if it says so (`SOURCE_DATE_EPOCH=context`). */
  readonly time?: number | undefined;
}

export interface ContextRequest {
  readonly context: string;
  readonly stdin: Bytes | undefined;
  readonly keepGitDir: boolean;
}

export const MAX_DOCKERFILE = 10 << 20;

/**
 * Makes a context a directory: in place, from stdin, git or the web. Throws BuildError `usage` when it is none of
 * these.
 */
export async function openContextSource(
  request: ContextRequest,
  remote: RemoteSources,
  scope: Scope,
): Promise<ContextSource> {
  const { context } = request;
  if (context === '-') return fromStdin(request, remote, scope);
  const stat = statSync(context, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true)
    return { dir: realpathSync(context), local: true, shown: context };
  const reference = parseGitReference(context, true);
  if (reference !== undefined) return fromGit(reference, request, remote, scope);
  if (/^https?:\/\//i.test(context)) return fromWeb(context, remote, scope);
  const quoted = JSON.stringify(context);
  throw new BuildError(
    'usage',
    stat === undefined
      ? `unable to prepare context: path ${quoted} not found`
      : `unable to prepare context: ${quoted} is not a directory`,
    { hint: contextHint(context) },
  );
}

function contextHint(context: string): string {
  const parent = dirname(context);
  let names: string[] = [];
  try {
    names = readdirSync(parent, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    // The directory above is not there either: nothing is near.
  }
  const near = nearest(basename(context), names);
  return near === undefined
    ? 'a context is a directory, a URL of a tar or a git repository, or - for stdin'
    : `did you mean ${join(parent, near)}?`;
}

/** A tar, compressed or not, is the context; any other text is a Dockerfile. */
async function fromStdin(
  { stdin }: ContextRequest,
  remote: RemoteSources,
  scope: Scope,
): Promise<ContextSource> {
  if (stdin === undefined)
    throw new BuildError('usage', 'a build context from stdin needs stdin', {
      hint: 'the API takes a directory or a URL',
    });
  return internalVertex('[internal] load remote build context', scope, (inner) =>
    unpackOrRead(stdin, '-', remote, inner),
  );
}

async function fromWeb(
  context: string,
  remote: RemoteSources,
  scope: Scope,
): Promise<ContextSource> {
  const shown = redactUrls(context);
  if (!URL.canParse(context))
    throw new BuildError('usage', `unable to prepare context: ${JSON.stringify(shown)} is no URL`);
  return internalVertex('[internal] load remote build context', scope, async (inner) => {
    const { download } = await import('./executor/download.js');
    const wanted = { url: new URL(context), bytes: true };
    const { path, modified } = await download(wanted, remote, inner);
    if (path === undefined) throw new Error('a download without bytes');
    const opened = await unpackOrRead(createReadStream(path), shown, remote, inner);
    return modified === undefined ? opened : { ...opened, time: Math.floor(modified / 1000) };
  });
}

async function unpackOrRead(
  bytes: Bytes,
  shown: string,
  remote: RemoteSources,
  scope: Scope,
): Promise<ContextSource> {
  const dir = join(await remote.temporary(), `context-${randomBytes(8).toString('hex')}`);
  mkdirSync(dir, { mode: 0o755 });
  const { openArchive } = await import('./executor/context-archive.js');
  const opened = await openArchive(bytes);
  if (opened.tar === undefined) {
    const dockerfile = await collectInput(opened.bytes, 'the Dockerfile', MAX_DOCKERFILE);
    return { dir, local: false, shown, dockerfile };
  }
  const { unpackContext } = await import('./executor/context-archive.js');
  const time = await unpackContext(opened.tar, dir, scope.signal);
  return { dir, local: false, shown, time };
}

async function fromGit(
  reference: GitReference,
  { context, keepGitDir }: ContextRequest,
  remote: RemoteSources,
  scope: Scope,
): Promise<ContextSource> {
  const shown = redactUrls(context);
  const { gitSpec } = await import('./parser/add-sources.js');
  const spec = gitSpec(
    reference,
    reference.keepGitDir === undefined ? { body: { keepGitDir } } : {},
  );
  return internalVertex(`[internal] load git source ${shown}`, scope, async (inner) => {
    const { gitTree, resolveGit } = await import('./executor/git-tree.js');
    const found = await resolveGit(spec, remote, inner);
    const { directory, root, time } = await gitTree(spec, found, remote, inner);
    const dir = join(directory, Buffer.from(root, 'latin1').toString());
    return { dir, local: false, shown, time };
  });
}
