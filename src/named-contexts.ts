import { realpathSync, statSync } from 'node:fs';
import type { IgnoreRules } from './executor/match.js';
import { readIgnoreFile } from './ignore-file.js';
import { BuildError } from './model/error.js';
import { parseGitReference } from './model/git-reference.js';
import type { NamedSource } from './model/graph.js';
import type { Platform } from './model/oci.js';
import { formatPlatform, normalizePlatform, parsePlatform } from './model/platform.js';
import { redactUrls } from './model/redact-urls.js';
import type { Scope } from './model/scope.js';
import { contextName } from './parser/named-context.js';
import type { Workshop } from './workshop.js';

/** The contexts of --build-context; none is looked at before something asks for it. */
export interface NamedContexts {
  readonly names: ReadonlySet<string>;
  /** What an image or stage name stands for, if it is a context's. */
  readonly find: (name: string, platform?: Platform) => Promise<NamedSource | undefined>;
  /** A directory's files, by the context's name. */
  readonly directory: (name: string) => { readonly dir: string; readonly ignore: IgnoreRules };
}

/** Throws BuildError `usage` on a kind that is not known; what is behind a value is asked later. */
export function namedContexts(
  given: Readonly<Record<string, string>>,
  workshop: Workshop,
  scope: Scope,
): NamedContexts {
  const values = new Map(
    Object.entries(given).map(([name, value]) => [keyOf(name, workshop.platform), value] as const),
  );
  for (const [name, value] of values) checkKind(name, value);
  const found = new Map<string, Promise<NamedSource>>();
  return {
    names: new Set(values.keys()),
    find: (written, platform) => {
      const plain = contextName(written);
      const own = platform === undefined ? plain : withPlatform(plain, platform);
      const name = values.has(own) ? own : plain;
      const value = values.get(name);
      if (value === undefined) return Promise.resolve(undefined);
      const known = found.get(name);
      if (known !== undefined) return known;
      const started = readSource(name, value, workshop, scope);
      found.set(name, started);
      return started;
    },
    directory: (name) => {
      const dir = realpathSync(values.get(name) ?? '');
      return { dir, ignore: readIgnoreFile(dir, undefined) };
    },
  };
}

/** `name`, or `name::os/arch` for one platform of it alone. */
function keyOf(given: string, host: Platform): string {
  const cut = given.lastIndexOf('::');
  if (cut <= 0) return contextName(given);
  const written = given.slice(cut + 2);
  return withPlatform(contextName(given.slice(0, cut)), parsePlatform(written, host));
}

function withPlatform(name: string, platform: Platform): string {
  return `${name}::${formatPlatform(normalizePlatform(platform))}`;
}

const IMAGE = 'docker-image://';
const LAYOUT = 'oci-layout://';

function checkKind(name: string, value: string): void {
  if (/^(target|input|bake):/.test(value))
    throw new BuildError('unsupported', `context ${name}: ${value} means nothing to this command`, {
      hint: 'a stage of another file is built and named first: docker-image://NAME takes it from the store',
    });
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1];
  if (scheme === undefined || /^(docker-image|oci-layout|https?|ssh|git)$/i.test(scheme)) return;
  throw new BuildError('usage', `unsupported context source ${scheme} for ${name}`, {
    hint: 'a directory, a git or http(s) URL, docker-image://NAME or oci-layout://DIRECTORY',
  });
}

async function readSource(
  name: string,
  value: string,
  workshop: Workshop,
  scope: Scope,
): Promise<NamedSource> {
  if (value.startsWith(IMAGE)) {
    const reference = value.slice(IMAGE.length);
    return reference === 'scratch' ? { kind: 'scratch' } : { kind: 'reference', reference };
  }
  if (value.startsWith(LAYOUT)) {
    const { layoutImage } = await import('./layout-image.js');
    return { kind: 'image', image: await layoutImage(value.slice(LAYOUT.length), workshop, scope) };
  }
  const stat = statSync(value, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true) return { kind: 'local', name };
  const reference = parseGitReference(value, true);
  if (reference !== undefined) {
    const { gitSpec } = await import('./parser/add-sources.js');
    return { kind: 'source', op: gitSpec(reference, {}), shown: redactUrls(value) };
  }
  if (/^https?:\/\//i.test(value)) {
    const op = { kind: 'http', url: value, filename: 'context' } as const;
    return { kind: 'source', op, shown: redactUrls(value) };
  }
  const why = stat === undefined ? 'no such file or directory' : 'not a directory';
  throw new BuildError('usage', `failed to get build context ${name}: ${value}: ${why}`, {
    hint: `an image is written --build-context ${name}=docker-image://${value}`,
  });
}
