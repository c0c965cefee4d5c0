import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from './model/error.js';
import type { BuildPlan } from './model/graph.js';
import { hasCode } from './model/has-code.js';
import type { Platform } from './model/oci.js';
import { formatPlatform } from './model/platform.js';

/** ELF e_machine of each architecture (elf.h), and whether its programs are big-endian. */
const MACHINES: Readonly<Record<string, readonly [machine: number, big?: boolean]>> = {
  amd64: [62],
  '386': [3],
  arm64: [183],
  arm: [40],
  riscv64: [243],
  ppc64le: [21],
  ppc64: [21, true],
  s390x: [22, true],
  loong64: [258],
  mips: [8, true],
  mipsle: [8],
  mips64: [8, true],
  mips64le: [8],
};

/** What a 64-bit machine runs by itself besides its own. */
const NATIVE: Readonly<Record<string, readonly string[]>> = { amd64: ['386'], arm64: ['arm'] };

const BINFMT = '/proc/sys/fs/binfmt_misc';

/**
 * Refuses a RUN this machine cannot run, before anything has run: its platform is another's and the kernel was given no
 * interpreter for it (Linux admin-guide/binfmt-misc). Throws BuildError `unsupported` at the first such RUN.
 */
export function checkEmulation(plans: readonly BuildPlan[], host: Platform, binfmt = BINFMT): void {
  const known = new Map<string, string | undefined>();
  for (const { op, range } of plans.flatMap(({ vertices }) => vertices)) {
    if (op.kind !== 'exec') continue;
    const { architecture } = op.platform;
    if (architecture === host.architecture) continue;
    if (NATIVE[host.architecture]?.includes(architecture) === true) continue;
    if (!known.has(architecture)) known.set(architecture, missing(architecture, binfmt));
    const why = known.get(architecture);
    if (why === undefined) continue;
    const [platform, machine] = [op.platform, host].map(formatPlatform);
    throw new BuildError(
      'unsupported',
      `RUN for ${String(platform)} cannot run on this ${String(machine)} machine: ${why}`,
      {
        range,
        hint: 'apt-get install qemu-user-static binfmt-support; steps other than RUN need no emulation',
      },
    );
  }
}

/** Why programs of an architecture do not run; undefined when they do. */
function missing(architecture: string, binfmt: string): string | undefined {
  const handlers = readHandlers(binfmt);
  const [machine, big = false] = MACHINES[architecture] ?? [];
  if (machine === undefined) return `no emulator of ${architecture} is known`;
  const own = handlers.filter((handler) => handles(handler, machine, big));
  if (own.length === 0) return `binfmt_misc has no handler for ${architecture}`;
  // Without F the interpreter is looked for inside the container, where it is not.
  if (own.some(({ flags }) => flags.includes('F'))) return undefined;
  return `its binfmt_misc handler ${own[0]?.name ?? ''} is not registered with flag F`;
}

interface Handler {
  readonly name: string;
  readonly flags: string;
  readonly magic: Buffer;
}

function readHandlers(binfmt: string): Handler[] {
  let names: string[];
  try {
    names = readdirSync(binfmt).filter((name) => name !== 'register' && name !== 'status');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EACCES')) return [];
    throw error;
  }
  return names.flatMap((name) => {
    const text = readFileSync(join(binfmt, name), 'utf8');
    const field = (key: string): string => new RegExp(`^${key}:? (.*)$`, 'm').exec(text)?.[1] ?? '';
    if (!text.startsWith('enabled') || field('magic') === '') return [];
    return [{ name, flags: field('flags'), magic: Buffer.from(field('magic'), 'hex') }];
  });
}

/** ELF's e_machine is at 18, in the byte order that byte 5 tells. */
function handles({ magic }: Handler, machine: number, big: boolean): boolean {
  if (magic.length < 20 || magic.readUInt32BE(0) !== 0x7f454c46) return false;
  if (magic[5] !== (big ? 2 : 1)) return false;
  return machine === (big ? magic.readUInt16BE(18) : magic.readUInt16LE(18));
}
