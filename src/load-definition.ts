import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { type BuildContext, openContext } from './executor/build-context.js';
import { compileIgnore } from './executor/match.js';
import { resolveImage } from './image-source.js';
import { internalVertex } from './internal-vertex.js';
import type { BuildOptions } from './model/build-options.js';
import { digestOf, hexOf } from './model/digest.js';
import { BuildError } from './model/error.js';
import { hasCode } from './model/has-code.js';
import type { Scope } from './model/scope.js';
import type { ParsedDockerfile } from './parser/instruction.js';
import type { LowerOptions } from './parser/lower-options.js';
import { parseDockerfile } from './parser/parse.js';
import type { Workshop } from './workshop.js';

/** What a build starts from. */
export interface Definition {
  readonly dockerfile: ParsedDockerfile;
  readonly lowering: LowerOptions;
  /** Opened when the first step reads it. */
  readonly context: (scope: Scope) => Promise<BuildContext>;
  readonly saveContext: () => void;
}

const MAX_DOCKERFILE = 10 << 20;

export async function loadDefinition(
  options: BuildOptions,
  workshop: Workshop,
  scope: Scope,
): Promise<Definition> {
  const dir = contextDirectory(options.context);
  const path = dockerfilePath(options, dir);
  const name = basename(path);
  const shown = shownPath(path);
  const dockerfile = await internalVertex(
    `[internal] load build definition from ${name}`,
    scope,
    () => Promise.resolve(parseDockerfile(readText(path, shown, MAX_DOCKERFILE), shown)),
  );
  let opened: Promise<BuildContext> | undefined;
  let context: BuildContext | undefined;
  return {
    dockerfile,
    lowering: lowerOptions(options, path, workshop, scope),
    context: (inner) =>
      (opened ??= open(dir, path, workshop, inner).then((made) => (context = made))),
    saveContext: () => context?.save(),
  };
}

function contextDirectory(context: string): string {
  const stat = statSync(context, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true) return realpathSync(context);
  if (stat === undefined) {
    const remote = /^(https?|git|ssh):\/\/|^git@/.test(context) || context === '-';
    if (remote)
      throw new BuildError('unsupported', `a build context from ${context} is not supported yet`, {
        hint: 'give a directory',
      });
    throw new BuildError(
      'usage',
      `unable to prepare context: path ${JSON.stringify(context)} not found`,
    );
  }
  throw new BuildError(
    'usage',
    `unable to prepare context: ${JSON.stringify(context)} is not a directory`,
  );
}

function dockerfilePath({ dockerfile }: BuildOptions, dir: string): string {
  if (dockerfile === '-')
    throw new BuildError('unsupported', 'a Dockerfile from stdin is not supported yet', {
      hint: 'give -f a file',
    });
  if (dockerfile !== undefined) return resolve(dockerfile);
  const upper = join(dir, 'Dockerfile');
  const lower = join(dir, 'dockerfile');
  return !existsSync(upper) && existsSync(lower) ? lower : upper;
}

/** As short as it is unambiguous: relative when it is below the working directory. */
function shownPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}

function readText(path: string, shown: string, max: number): string {
  try {
    if (statSync(path).size > max)
      throw new BuildError('syntax', `${shown} is larger than ${String(max >> 20)} MiB`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'EISDIR', 'EACCES', 'ENOTDIR')) throw error;
    const why = hasCode(error, 'ENOENT', 'ENOTDIR')
      ? 'no such file or directory'
      : (error as Error).message;
    throw new BuildError('not-found', `failed to read dockerfile: open ${shown}: ${why}`, {
      hint: 'name it with -f, or give the directory it is in',
    });
  }
}

function lowerOptions(
  options: BuildOptions,
  path: string,
  workshop: Workshop,
  scope: Scope,
): LowerOptions {
  const { platform } = workshop;
  checkPlatform(options.platform, `${platform.os}/${platform.architecture}`);
  const pull = options.pull ?? false;
  return {
    buildArgs: options.buildArgs ?? {},
    labels: options.labels ?? {},
    ...(options.target === undefined ? {} : { target: options.target }),
    platform,
    network: options.network ?? 'default',
    noCache: options.noCache ?? false,
    place: path,
    resolveImage: (name, range) => resolveImage(name, { workshop, pull, range }, scope),
  };
}

function checkPlatform(wanted: string | undefined, host: string): void {
  if (
    wanted === undefined ||
    wanted === host ||
    wanted === 'local' ||
    wanted.startsWith(`${host}/`)
  )
    return;
  throw new BuildError('unsupported', `--platform ${wanted} is not supported yet`, {
    hint: `this machine builds ${host}`,
  });
}

/** `<Dockerfile>.dockerignore` beside the Dockerfile wins over the context's own. */
async function open(
  dir: string,
  dockerfile: string,
  workshop: Workshop,
  scope: Scope,
): Promise<BuildContext> {
  return internalVertex('[internal] load build context', scope, () => {
    const own = join(dirname(dockerfile), `${basename(dockerfile)}.dockerignore`);
    const file = existsSync(own) ? own : join(dir, '.dockerignore');
    const ignore = compileIgnore(
      existsSync(file) ? readFileSync(file, 'latin1') : '',
      shownPath(file),
    );
    const statCacheFile = workshop.store.path('contexts', hexOf(digestOf(dir)));
    const now = BigInt(workshop.now()) * 1_000_000n;
    return Promise.resolve(openContext({ dir, ignore, statCacheFile, now }));
  });
}
