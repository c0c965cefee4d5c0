import { randomBytes } from 'node:crypto';
import { isAbsolute, relative } from 'node:path';
import type { CheckoutFacts } from './checkout-facts.js';
import type { Origin } from './load-definition.js';
import type { BuildOptions, OutputSpec } from './model/build-options.js';
import type { BuildFacts } from './model/build-record.js';
import type { CacheFrom, CacheTo } from './model/cache-options.js';
import type { Platform } from './model/oci.js';
import { formatPlatform } from './model/platform.js';
import { redactUrls } from './model/redact-urls.js';
import { isSecretName } from './model/secret-name.js';

const HIDDEN = '****';
/** Shorter values turn up by chance. */
const MIN_HIDDEN = 8;

export interface FactsInput {
  readonly options: BuildOptions;
  readonly origin: Origin;
  readonly checkout: CheckoutFacts | undefined;
  readonly platforms: readonly Platform[];
  readonly started: number;
}

/** What the record of a build says it was asked to do. */
export function buildFacts(input: FactsInput): BuildFacts {
  const { options, origin, checkout, platforms, started } = input;
  const { target, tags = [], buildArgs = {}, labels = {}, buildContexts = {} } = options;
  return {
    id: newBuildId(),
    started,
    ...origin,
    ...vcsOf(origin, checkout),
    platforms: platforms.map(formatPlatform),
    tags,
    ...(target === undefined ? {} : { target }),
    buildArgs: shownValues(buildArgs),
    labels: shownValues(labels),
    buildContexts: shownValues(buildContexts),
    flags: flagsOf(options),
    pid: process.pid,
  };
}

function vcsOf(
  { dockerfile }: Origin,
  checkout: CheckoutFacts | undefined,
): Pick<BuildFacts, 'vcs'> {
  if (checkout?.inRecord !== true) return {};
  const { root, source, revision } = checkout;
  const path = isAbsolute(dockerfile) ? relative(root, dockerfile) : dockerfile;
  return {
    vcs: {
      ...(source === undefined ? {} : { source }),
      ...(revision === undefined ? {} : { revision }),
      path,
    },
  };
}

/** No vowels: an id is no word, which a step's or an image's name could be. */
const [LETTERS, DIGITS] = ['bcdfghjklmnpqrstvwxz', '0123456789'];
const ID_LENGTH = 20;

/** A letter first, so that a number is never the beginning of one. */
function newBuildId(): string {
  const all = LETTERS + DIGITS;
  const pick = (byte: number, i: number): string => {
    const from = i === 0 ? LETTERS : all;
    return from[byte % from.length] ?? '';
  };
  return Array.from(randomBytes(ID_LENGTH), pick).join('');
}

function shownValues(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      isSecretName(name) ? HIDDEN : redactUrls(value),
    ]),
  );
}

/** Values of build arguments that a record must not hold: those whose names say so. */
export function hiddenValues({ buildArgs = {} }: BuildOptions): readonly string[] {
  return Object.entries(buildArgs)
    .filter(([name, value]) => isSecretName(name) && value.length >= MIN_HIDDEN)
    .map(([, value]) => value);
}

/** Text of JSON without them. */
export function withoutValues(json: string, hidden: readonly string[]): string {
  return hidden.reduce(
    (text, value) => text.replaceAll(JSON.stringify(value).slice(1, -1), HIDDEN),
    json,
  );
}

/** What is not as usual, in the words of the command line. Of secrets and agents only the name. */
function flagsOf(options: BuildOptions): readonly string[] {
  const { noCache, noCacheFilter = [], pull, network, outputs = [], annotations = [] } = options;
  const { secrets = [], ssh = [], allow = [], addHosts = [], ulimits = [] } = options;
  const { shmSize, cgroupParent, resources = {} } = options;
  const many = (flag: string, values: readonly string[]): string[] =>
    values.map((value) => `--${flag} ${redactUrls(value)}`);
  return [
    ...(noCache === true ? ['--no-cache'] : []),
    ...many('no-cache-filter', noCacheFilter),
    ...many('rebuild', options.rebuild ?? []),
    ...(pull === true ? ['--pull'] : []),
    ...(network === undefined || network === 'default' ? [] : [`--network ${network}`]),
    ...many('output', outputs.map(outputText)),
    ...many('cache-from', (options.cacheFrom ?? []).map(cacheText)),
    ...many('cache-to', (options.cacheTo ?? []).map(cacheText)),
    ...many(
      'annotation',
      annotations.map(({ key, value }) => `${key}=${value}`),
    ),
    ...many(
      'secret',
      secrets.map(({ id }) => `id=${id}`),
    ),
    ...many(
      'ssh',
      ssh.map(({ id }) => id),
    ),
    ...many('allow', allow),
    ...many(
      'add-host',
      addHosts.map(({ name, address }) => `${name}:${address}`),
    ),
    ...many(
      'ulimit',
      ulimits.map(({ name, soft, hard }) => `${name}=${String(soft)}:${String(hard)}`),
    ),
    ...(shmSize === undefined ? [] : [`--shm-size ${String(shmSize)}`]),
    ...many('cgroup-parent', cgroupParent === undefined ? [] : [cgroupParent]),
    ...Object.entries(resources).map(
      ([name, value]) => `--${kebab(name)} ${JSON.stringify(value)}`,
    ),
  ];
}

/** Only what names no key and no token. */
const TOLD = ['type', 'ref', 'src', 'dest', 'tag', 'mode', 'bucket', 'region', 'prefix', 'scope'];

function cacheText(cache: CacheFrom | CacheTo): string {
  const fields: Readonly<Record<string, unknown>> = { ...cache };
  return TOLD.filter((name) => fields[name] !== undefined)
    .map((name) => `${name}=${String(fields[name])}`)
    .join(',');
}

function outputText({ type, dest }: OutputSpec): string {
  return dest === undefined ? `type=${type}` : `type=${type},dest=${dest}`;
}

/** `cpuShares` is `--cpu-shares`. */
function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
