import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { type BuildContext, openContext } from './executor/build-context.js';
import { compileIgnore, type IgnoreRules } from './executor/match.js';
import type { RemoteSources } from './executor/remote-sources.js';
import { resolveImage } from './image-source.js';
import { internalVertex } from './internal-vertex.js';
import type { BuildOptions } from './model/build-options.js';
import { type Digest, digestOf, hexOf } from './model/digest.js';
import { BuildError } from './model/error.js';
import { hasCode } from './model/has-code.js';
import type { Platform } from './model/oci.js';
import type { Scope } from './model/scope.js';
import type { ParsedDockerfile } from './parser/instruction.js';
import type { IgnoreFacts } from './parser/lint/ignore-facts.js';
import type { LowerOptions, Warning } from './parser/lower-options.js';
import { parseDockerfile } from './parser/parse.js';
import { withProxyArgs } from './proxy-args.js';
import { createRemoteSources } from './remote-sources.js';
import { type TargetPlatforms, targetPlatforms } from './target-platforms.js';
import type { Workshop } from './workshop.js';

/** What a build starts from. */
export interface Definition {
  readonly dockerfile: ParsedDockerfile;
  readonly platforms: TargetPlatforms;
  /** For one of the platforms; by default the first. */
  readonly lowering: (platform?: Platform) => LowerOptions;
  /** Opened when the first step reads it. */
  readonly context: (scope: Scope) => Promise<BuildContext>;
  readonly saveContext: () => void;
  /** The internal vertex that read the Dockerfile: its warnings are of it. */
  readonly vertex: Digest;
  /** What the lint rules ask of the ignore file, which is read once. */
  readonly ignoreFacts: () => IgnoreFacts;
  readonly remote: RemoteSources;
}

const MAX_DOCKERFILE = 10 << 20;

export async function loadDefinition(
  options: BuildOptions,
  workshop: Workshop,
  scope: Scope,
): Promise<Definition> {
  const platforms = targetPlatforms(options, workshop);
  const dir = contextDirectory(options.context);
  const path = dockerfilePath(options, dir);
  const name = basename(path);
  const shown = shownPath(path);
  const { dockerfile, vertex } = await internalVertex(
    `[internal] load build definition from ${name}`,
    scope,
    (inner) => {
      const text = readText(path, shown, MAX_DOCKERFILE);
      return Promise.resolve({ dockerfile: parseDockerfile(text, shown), vertex: inner.vertex });
    },
  );
  let rules: IgnoreRules | undefined;
  const ignore = (): IgnoreRules => (rules ??= readIgnore(dir, path));
  let opened: Promise<BuildContext> | undefined;
  let context: BuildContext | undefined;
  return {
    dockerfile,
    platforms,
    lowering: lowerOptions(options, { path, platforms, workshop }, scope),
    context: (inner) =>
      (opened ??= open(dir, ignore, workshop, inner).then((made) => (context = made))),
    saveContext: () => context?.save(),
    vertex,
    ignoreFacts: () => factsOf(ignore()),
    remote: createRemoteSources(workshop),
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

interface Lowered {
  readonly path: string;
  readonly platforms: TargetPlatforms;
  readonly workshop: Workshop;
}

function lowerOptions(
  options: BuildOptions,
  { path, platforms, workshop }: Lowered,
  scope: Scope,
): Definition['lowering'] {
  const pull = options.pull ?? false;
  const several = platforms.index;
  const warned = new Set<string>();
  const common = {
    buildArgs: withProxyArgs(options.buildArgs ?? {}, workshop),
    labels: options.labels ?? {},
    ...(options.target === undefined ? {} : { target: options.target }),
    buildPlatform: workshop.platform,
    implicitPlatform: !platforms.explicit,
    multiPlatform: several,
    network: options.network ?? 'default',
    noCache: options.noCache ?? false,
    noCacheFilter: options.noCacheFilter ?? [],
    place: path,
    // Each platform lowers the same file.
    warn: (warning: Warning): void => {
      const { message, range } = warning;
      const key = `${String(range?.startLine)} ${message}`;
      if (!warned.has(key)) scope.emit({ type: 'warning', ...warning });
      warned.add(key);
    },
  };
  const [first = workshop.platform] = platforms.list;
  return (platform = first) => ({
    ...common,
    platform,
    resolveImage: (name, of, range) =>
      resolveImage(name, { workshop, pull, range, platform: of, several }, scope),
  });
}

/** `<Dockerfile>.dockerignore` beside the Dockerfile wins over the context's own. */
function readIgnore(dir: string, dockerfile: string): IgnoreRules {
  const own = join(dirname(dockerfile), `${basename(dockerfile)}.dockerignore`);
  const file = existsSync(own) ? own : join(dir, '.dockerignore');
  return compileIgnore(existsSync(file) ? readFileSync(file, 'latin1') : '', shownPath(file));
}

function factsOf({ hasExceptions, ignoresAll, verdict }: IgnoreRules): IgnoreFacts {
  // The rules are of bytes.
  const bytes = (path: string): string => Buffer.from(path).toString('latin1');
  return { hasExceptions, ignoresAll, ignores: (path) => verdict(bytes(path)).ignored };
}

async function open(
  dir: string,
  ignore: () => IgnoreRules,
  workshop: Workshop,
  scope: Scope,
): Promise<BuildContext> {
  return internalVertex('[internal] load build context', scope, () => {
    const statCacheFile = workshop.store.path('contexts', hexOf(digestOf(dir)));
    const now = BigInt(workshop.now()) * 1_000_000n;
    return Promise.resolve(openContext({ dir, ignore: ignore(), statCacheFile, now }));
  });
}
