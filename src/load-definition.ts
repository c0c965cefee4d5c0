import { basename } from 'node:path';
import { type ContextSource, openContextSource } from './context-source.js';
import { readDockerfile } from './dockerfile-source.js';
import type { BuildContext } from './executor/build-context.js';
import type { IgnoreRules } from './executor/match.js';
import type { RemoteSources } from './executor/remote-sources.js';
import { placeOf } from './place-of.js';
import { type CheckoutFacts, checkoutFacts } from './checkout-facts.js';
import { gitLabels } from './git-labels.js';
import { noIgnoreRules, readIgnoreFile } from './ignore-file.js';
import { epochSources } from './epoch-source.js';
import { resolveImage, type ResolveOptions } from './image-source.js';
import { internalVertex } from './internal-vertex.js';
import type { BuildOptions } from './model/build-options.js';
import type { Digest } from './model/digest.js';
import type { Platform } from './model/oci.js';
import type { Scope } from './model/scope.js';
import { type NamedContexts, namedContexts } from './named-contexts.js';
import { openContexts } from './open-contexts.js';
import type { ParsedDockerfile } from './parser/instruction.js';
import type { IgnoreFacts } from './parser/lint/ignore-facts.js';
import type { LowerOptions, Warning } from './parser/lower-options.js';
import { parseDockerfile } from './parser/parse.js';
import { proxyVariables } from './proxy-variables.js';
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
  readonly context: (scope: Scope, name?: string) => Promise<BuildContext>;
  readonly saveContext: () => void;
  /** The internal vertex that read the Dockerfile: its warnings are of it. */
  readonly vertex: Digest;
  /** What the lint rules ask of the ignore file, which is read once. */
  readonly ignoreFacts: () => IgnoreFacts;
  readonly remote: RemoteSources;
  readonly origin: Origin;
  readonly checkout: CheckoutFacts | undefined;
}

/** Where it came from, without credentials. */
export interface Origin {
  /** Absolute path of a directory, a URL, or `-`. */
  readonly context: string;
  readonly local: boolean;
  readonly dockerfile: string;
}

export interface DefinitionHooks {
  readonly lent?: ResolveOptions['lent'];
  readonly note?: RemoteSources['note'];
}

export async function loadDefinition(
  options: BuildOptions,
  workshop: Workshop,
  scope: Scope,
  { lent, note }: DefinitionHooks = {},
): Promise<Definition> {
  const platforms = targetPlatforms(options, workshop);
  const remote = createRemoteSources(workshop, options, note);
  const { stdin } = options;
  const keepGitDir = isTrue(options.buildArgs?.['BUILDKIT_CONTEXT_KEEP_GIT_DIR']);
  const source = await openContextSource(
    { context: options.context, stdin, keepGitDir },
    remote,
    scope,
  );
  const { dockerfile, vertex, place, path } = await internalVertex(
    `[internal] load build definition from ${shortName(options)}`,
    scope,
    async (inner) => {
      const file = options.dockerfile;
      const found = await readDockerfile({ file, context: source, stdin }, remote, inner);
      const { text, shown } = found;
      return { ...found, dockerfile: parseDockerfile(text, shown), vertex: inner.vertex };
    },
  );
  let rules: IgnoreRules | undefined;
  const ignore = (): IgnoreRules =>
    (rules ??= source.local ? readIgnoreFile(source.dir, path) : noIgnoreRules());
  const checkout = await checkoutFacts(source, workshop.env, scope);
  const named = namedContexts(options.buildContexts ?? {}, workshop, scope);
  const contexts = openContexts({ source, ignore, named: named.directory, workshop });
  const origin = originOf(source, place);
  return {
    dockerfile,
    platforms,
    lowering: lowerOptions(
      options,
      {
        place: placeOf({ ...origin, tags: options.tags ?? [] }),
        platforms,
        workshop,
        named,
        lent,
        labels: gitLabels(checkout, place),
        sourceTime: epochSources({ context: source, named, remote }, scope),
      },
      scope,
    ),
    context: contexts.open,
    saveContext: contexts.save,
    vertex,
    ignoreFacts: () => factsOf(ignore()),
    remote,
    origin,
    checkout,
  };
}

function originOf({ local, dir, shown }: ContextSource, dockerfile: string): Origin {
  return { context: local ? dir : shown, local, dockerfile };
}

function isTrue(value: string | undefined): boolean {
  return /^(1|t|true)$/i.test(value ?? '');
}

/** What titles call the Dockerfile before it is found. */
function shortName({ dockerfile }: BuildOptions): string {
  return dockerfile === undefined || dockerfile === '-' ? 'Dockerfile' : basename(dockerfile);
}

interface Lowered {
  readonly place: string;
  readonly named: NamedContexts;
  readonly sourceTime: NonNullable<LowerOptions['sourceTime']>;
  readonly platforms: TargetPlatforms;
  readonly workshop: Workshop;
  readonly lent: ResolveOptions['lent'] | undefined;
  /** Beside those of the options, which go first. */
  readonly labels: Readonly<Record<string, string>>;
}

function lowerOptions(
  options: BuildOptions,
  { place, platforms, workshop, named, lent, labels, sourceTime }: Lowered,
  scope: Scope,
): Definition['lowering'] {
  const pull = options.pull ?? false;
  const several = platforms.index;
  const warned = new Set<string>();
  const common = {
    buildArgs: withProxies(options.buildArgs ?? {}, workshop),
    labels: { ...labels, ...options.labels },
    ...(options.target === undefined ? {} : { target: options.target }),
    buildPlatform: workshop.platform,
    implicitPlatform: !platforms.explicit,
    multiPlatform: several,
    network: options.network ?? 'default',
    noCache: options.noCache ?? false,
    noCacheFilter: options.noCacheFilter ?? [],
    place,
    namedContext: named.find,
    namedContexts: named.names,
    sourceTime,
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
      resolveImage(name, { workshop, pull, range, platform: of, several, lent }, scope),
  });
}

function factsOf({ hasExceptions, ignoresAll, verdict }: IgnoreRules): IgnoreFacts {
  // The rules are of bytes.
  const bytes = (path: string): string => Buffer.from(path).toString('latin1');
  return { hasExceptions, ignoresAll, ignores: (path) => verdict(bytes(path)).ignored };
}

/** A step has one value in both cases: what is given in one of them counts. */
function withProxies(
  given: Readonly<Record<string, string>>,
  workshop: Workshop,
): Readonly<Record<string, string>> {
  const names = new Set(Object.keys(given).map((name) => name.toLowerCase()));
  const proxies = Object.entries(proxyVariables(workshop));
  const added = proxies.filter(([name]) => !names.has(name.toLowerCase()));
  return { ...Object.fromEntries(added), ...given };
}
