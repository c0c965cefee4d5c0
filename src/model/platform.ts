import { BuildError } from './error.js';
import { nearest } from './nearest.js';
import type { Platform } from './oci.js';

/** What GOARCH calls each architecture, and the names people and kernels use for it (containerd's platforms rules). */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  amd64: 'amd64',
  x86_64: 'amd64',
  'x86-64': 'amd64',
  '386': '386',
  i386: '386',
  i686: '386',
  arm64: 'arm64',
  aarch64: 'arm64',
  arm: 'arm',
  armhf: 'arm/v7',
  armel: 'arm/v6',
  riscv64: 'riscv64',
  ppc64le: 'ppc64le',
  ppc64: 'ppc64',
  s390x: 's390x',
  loong64: 'loong64',
  mips: 'mips',
  mipsle: 'mipsle',
  mips64: 'mips64',
  mips64le: 'mips64le',
};

const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  amd64: ['v1', 'v2', 'v3', 'v4'],
  arm64: ['v8', 'v9'],
  arm: ['v5', 'v6', 'v7', 'v8'],
};

/** What a platform is by itself: no variant is written for these. */
const DEFAULT_VARIANT: Readonly<Record<string, string>> = { amd64: 'v1', arm64: 'v8' };

/** For messages: the platforms BuildKit's own images come in. */
const COMMON = [
  'linux/amd64',
  'linux/arm64',
  'linux/arm/v7',
  'linux/arm/v6',
  'linux/386',
  'linux/riscv64',
  'linux/ppc64le',
  'linux/s390x',
  'linux/loong64',
];

/**
 * `linux/arm64/v8`, `arm64`, `linux` or `local` in normal form. Throws BuildError `usage` for what is no platform,
 * `unsupported` for an operating system other than linux.
 */
export function parsePlatform(text: string, host: Platform): Platform {
  if (text === 'local') return host;
  const [first = '', second, third, ...more] = text.toLowerCase().split('/');
  const known = ARCHITECTURES[first];
  if (second === undefined && known !== undefined) return normal(known, undefined, text);
  const os = /^([a-z0-9]+)(\(.*\))?$/.exec(first)?.[1] ?? first;
  if (more.length > 0 || os === '') throw unknown(text);
  if (os !== 'linux') throw OTHER_SYSTEMS.has(os) ? otherSystem(text, os) : unknown(text);
  if (second === undefined) return host;
  const architecture = ARCHITECTURES[second];
  if (architecture === undefined) throw unknown(text);
  return normal(architecture, third, text);
}

const OTHER_SYSTEMS: ReadonlySet<string> = new Set(
  ['windows', 'darwin', 'macos', 'freebsd', 'netbsd', 'openbsd'].concat([
    'android',
    'solaris',
    'aix',
    'plan9',
    'wasip1',
    'js',
  ]),
);

function normal(found: string, written: string | undefined, text: string): Platform {
  const [architecture = '', implied] = found.split('/');
  const variant = variantOf(architecture, written ?? implied);
  if (variant === undefined) return { os: 'linux', architecture };
  if (VARIANTS[architecture]?.includes(variant) !== true) throw unknown(text);
  return { os: 'linux', architecture, variant };
}

/** `8` is `v8`; what a platform is by itself is not written; 32-bit arm without one is v7. */
function variantOf(architecture: string, written: string | undefined): string | undefined {
  if (written === undefined || written === '') return architecture === 'arm' ? 'v7' : undefined;
  const variant = /^\d+$/.test(written) ? `v${written}` : written;
  return DEFAULT_VARIANT[architecture] === variant ? undefined : variant;
}

function unknown(text: string): BuildError {
  const near = nearest(text, COMMON);
  const known = `known are ${COMMON.join(', ')}`;
  return new BuildError('usage', `${JSON.stringify(text)} is not a platform stave knows`, {
    hint: near === undefined ? known : `did you mean ${near}? ${known}`,
  });
}

function otherSystem(text: string, os: string): BuildError {
  return new BuildError('unsupported', `platform ${text}: stave builds linux images, not ${os}`, {
    hint: `known are ${COMMON.join(', ')}`,
  });
}

/** A platform of an image config or an index, in normal form; what is not known stays as it is. */
export function normalizePlatform(platform: Platform): Platform {
  const { variant, ...rest } = platform;
  const [architecture = '', implied] = (
    ARCHITECTURES[platform.architecture] ?? platform.architecture
  ).split('/');
  const normalized = variantOf(architecture, variant ?? implied);
  return { ...rest, architecture, ...(normalized === undefined ? {} : { variant: normalized }) };
}

/** `linux/arm/v7`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== undefined && part !== '').join('/');
}

export function samePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(normalizePlatform(a)) === formatPlatform(normalizePlatform(b));
}

/**
 * The entry that runs on a platform: its own, else the nearest older variant (an arm/v7 machine runs v6 and v5, an
 * amd64/v3 one v2 and plain), as containerd chooses.
 */
export function choosePlatform<T>(
  wanted: Platform,
  entries: readonly T[],
  platformOf: (entry: T) => Platform | undefined,
): T | undefined {
  for (const each of older(normalizePlatform(wanted))) {
    const found = entries.find((entry) => {
      const platform = platformOf(entry);
      return platform !== undefined && samePlatform(platform, each);
    });
    if (found !== undefined) return found;
  }
  return undefined;
}

function older(platform: Platform): Platform[] {
  const variants = VARIANTS[platform.architecture] ?? [];
  const lowest = DEFAULT_VARIANT[platform.architecture];
  const at = variants.indexOf(platform.variant ?? lowest ?? '');
  if (at === -1) return [platform];
  return variants
    .slice(0, at + 1)
    .reverse()
    .map((variant) => normalizePlatform({ ...platform, variant }));
}
