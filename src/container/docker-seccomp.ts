import type { SeccompArg, SeccompProfile, SeccompRule } from '../model/process.js';

/** A profile as docker's users write it (moby, profiles/seccomp): rules may depend on architecture and capabilities. */
export interface DockerSeccomp {
  readonly defaultAction?: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly archMap?: readonly {
    readonly architecture: string;
    readonly subArchitectures?: readonly string[] | null;
  }[];
  readonly flags?: readonly string[];
  readonly syscalls?: readonly DockerRule[] | null;
}

interface DockerRule {
  readonly name?: string;
  readonly names?: readonly string[] | null;
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArg[] | null;
  readonly includes?: DockerFilter | null;
  readonly excludes?: DockerFilter | null;
}

interface DockerFilter {
  readonly caps?: readonly string[] | null;
  readonly arches?: readonly string[] | null;
}

const ARCHITECTURES: Readonly<Record<string, { readonly oci: string; readonly go: string }>> = {
  x64: { oci: 'SCMP_ARCH_X86_64', go: 'amd64' },
  arm64: { oci: 'SCMP_ARCH_AARCH64', go: 'arm64' },
};

/** The profile for one architecture (process.arch) and one set of capabilities, in the runtime's words. */
export function dockerSeccomp(
  profile: DockerSeccomp,
  arch: string,
  capabilities: readonly string[],
): SeccompProfile {
  const { oci, go } = ARCHITECTURES[arch] ?? { oci: '', go: '' };
  const mapped = profile.archMap?.find(({ architecture }) => architecture === oci);
  const listed =
    profile.architectures ??
    (mapped === undefined ? undefined : [mapped.architecture, ...(mapped.subArchitectures ?? [])]);
  const has = ({ caps, arches }: DockerFilter, how: 'every' | 'some'): boolean =>
    (caps ?? [])[how]((name) => capabilities.includes(name)) ||
    (how === 'some' && (arches ?? []).includes(go));
  const applies = ({ includes, excludes }: DockerRule): boolean => {
    const arches = includes?.arches ?? [];
    if (arches.length > 0 && !arches.includes(go)) return false;
    if (includes && !has({ caps: includes.caps ?? [] }, 'every')) return false;
    return !excludes || !has(excludes, 'some');
  };
  return {
    defaultAction: profile.defaultAction ?? 'SCMP_ACT_ERRNO',
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(listed === undefined ? {} : { architectures: listed }),
    ...(profile.flags === undefined ? {} : { flags: profile.flags }),
    syscalls: (profile.syscalls ?? []).filter(applies).map(ociRule),
  };
}

function ociRule({ name, names, action, errnoRet, args }: DockerRule): SeccompRule {
  return {
    names: names ?? (name === undefined ? [] : [name]),
    action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args && args.length > 0 ? { args } : {}),
  };
}
