import type { ProcessSpec } from '../model/process.js';
import { capabilityNumber, DEFAULT_CAPABILITIES } from './capabilities.js';
import type { ChrootJob } from './chroot-job.js';
import { seccompOf } from './load-seccomp.js';
import type { RuntimeOptions } from './prepare.js';
import { resourceNumber } from './resource-number.js';

/** Capabilities that lead out of a chroot, or make what does; docker gives a container the first two. */
export const WAYS_OUT: readonly string[] = [
  'CAP_SYS_CHROOT',
  'CAP_MKNOD',
  'CAP_SYS_PTRACE',
  'CAP_SYS_ADMIN',
  'CAP_DAC_READ_SEARCH',
];

type Asked = Pick<ProcessSpec, 'root' | 'args' | 'env' | 'cwd' | 'user' | 'confinement'>;

/**
 * Docker's confinement as far as a chroot can have it. Without CAP_SYS_ADMIN the kernel takes a seccomp filter only with
 * no_new_privs, which would break sudo and its kin for an ordinary user: root gets the filter, others have that of the
 * container all of this runs in.
 */
export async function jobOf(
  { root, args, env, cwd, user, confinement }: Asked,
  options: Pick<RuntimeOptions, 'temporary' | 'cacheDir'>,
): Promise<ChrootJob> {
  const { uid, gid, additionalGids } = user;
  const names = (confinement?.capabilities ?? DEFAULT_CAPABILITIES).filter(
    (name) => !WAYS_OUT.includes(name),
  );
  const limits = confinement?.ulimits ?? [];
  const { noNewPrivileges = false, oomScoreAdj } = confinement ?? {};
  const filter = uid === 0 || noNewPrivileges ? await filterOf(names, confinement, options) : {};
  return {
    ...{ root, args, env, cwd, uid, gid, groups: additionalGids },
    capabilities: names.map(capabilityNumber),
    limits: limits.map(({ name, soft, hard }) => [resourceNumber(name), soft, hard]),
    noNewPrivileges,
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
    ...filter,
  };
}

/** Without libseccomp there is none: what the container all of this runs in has is left. */
async function filterOf(
  capabilities: readonly string[],
  confinement: Asked['confinement'],
  { temporary, cacheDir }: Pick<RuntimeOptions, 'temporary' | 'cacheDir'>,
): Promise<Pick<ChrootJob, 'seccomp'>> {
  const asked = { insecure: false, devices: [], ...confinement, capabilities };
  const seccomp = seccompOf(asked, { kind: 'crun', cacheDir, scratch: await temporary() });
  return 'bpf' in seccomp ? { seccomp: seccomp.bpf } : {};
}
