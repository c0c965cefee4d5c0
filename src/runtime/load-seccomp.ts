import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalDigest } from '../model/canonical.js';
import { hexOf } from '../model/digest.js';
import { hasCode } from '../model/has-code.js';
import { makeDeep } from '../sys/make-deep.js';
import { compileFilter, type Filter } from '../sys/seccomp.js';
import type { Seccomp } from './oci-spec.js';
import type { Confinement } from '../model/process.js';
import { seccompProfile } from './seccomp-profile.js';

export interface SeccompPlace {
  readonly kind: 'crun' | 'runc';
  readonly cacheDir: string;
  readonly scratch: string;
}

/** The policy of a container. */
export function seccompOf(confinement: Confinement | undefined, place: SeccompPlace): Seccomp {
  const { insecure, seccomp, capabilities } = confinement ?? {};
  if (insecure === true || seccomp === 'unconfined') return { unconfined: true };
  return seccomp === undefined ? loadSeccomp(place, capabilities) : { profile: seccomp };
}

/**
 * The policy in the form that starts fastest: crun takes it compiled (its own compilation is two thirds of its start);
 * compiled once and kept by the policy's digest. runc, or a machine without libseccomp, gets the rules.
 */
function loadSeccomp(
  { kind, cacheDir, scratch }: SeccompPlace,
  capabilities: readonly string[] | undefined,
): Seccomp {
  const profile = seccompProfile(process.arch, capabilities);
  if (kind === 'runc') return { profile };
  const file = join(
    cacheDir,
    `seccomp2-${hexOf(canonicalDigest(profile as never)).slice(0, 16)}-${process.arch}`,
  );
  try {
    return { bpf: readFileSync(file, 'utf8') };
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  const bpf = compileFilter(filterOf(profile), join(scratch, 'filter'))?.toString('base64');
  if (bpf === undefined) return { profile };
  makeDeep(cacheDir, 0o700);
  writeFileSync(`${file}.${String(process.pid)}`, bpf, { mode: 0o600 });
  renameSync(`${file}.${String(process.pid)}`, file);
  return { bpf };
}

const ALLOW = 0x7fff0000;
const ERRNO = 0x00050000;
const OPS: Readonly<Record<string, number>> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
};
/** Tokens of seccomp.h; the native architecture is there already. */
const ARCHITECTURES: Readonly<Record<string, number>> = {
  SCMP_ARCH_X86: 0x40000003,
  SCMP_ARCH_X32: 0x4000003e,
  SCMP_ARCH_ARM: 0x40000028,
};

function filterOf(profile: ReturnType<typeof seccompProfile>): Filter {
  return {
    defaultAction: ERRNO | (profile.defaultErrnoRet ?? 1),
    architectures: (profile.architectures ?? [])
      .map((name) => ARCHITECTURES[name])
      .filter((token) => token !== undefined),
    rules: profile.syscalls.flatMap(({ names, action, errnoRet = 1, args = [] }) =>
      names.map((syscall) => ({
        syscall,
        action: action === 'SCMP_ACT_ALLOW' ? ALLOW : ERRNO | errnoRet,
        args: args.map(({ index, op, value, valueTwo }) => ({
          index,
          op: OPS[op] ?? 0,
          a: value,
          b: valueTwo ?? 0,
        })),
      })),
    ),
  };
}
