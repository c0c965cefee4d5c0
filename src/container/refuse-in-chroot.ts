import { BuildError } from '../model/error.js';
import { DEFAULT_HOST_CONFIG, type HostConfig } from '../model/host-config.js';
import { whyNoNamespaces } from '../runtime/blocked.js';
import { normalCapabilities } from '../runtime/capabilities.js';
import { WAYS_OUT } from '../runtime/job-of.js';

/** What a chroot cannot give is not left out in silence. Throws BuildError `runtime`. */
export function refuseInChroot(host: HostConfig, hostname?: string): void {
  const asked = Object.entries(askedOf(host, hostname)).find(([, isSo]) => isSo)?.[0];
  if (asked === undefined) return;
  const { what, remedy } = whyNoNamespaces();
  throw new BuildError('runtime', `${asked} cannot be had in a chroot: ${what}`, {
    hint: `${remedy} (stave doctor shows all)`,
  });
}

function askedOf(host: HostConfig, hostname: string | undefined): Record<string, boolean> {
  const some = (list: readonly unknown[] | null | undefined): boolean => (list ?? []).length > 0;
  const network = host.NetworkMode.replace(/^container:([0-9a-f]{12})[0-9a-f]*$/, 'container:$1');
  const out = normalCapabilities(host.CapAdd ?? [], 'CapAdd').find((name) =>
    WAYS_OUT.includes(name),
  );
  return {
    '--privileged': host.Privileged,
    [`--network ${network}`]: network !== 'host',
    '--volume': some(host.Binds),
    '--mount': some(host.Mounts),
    '--volumes-from': some(host.VolumesFrom),
    '--tmpfs': Object.keys(host.Tmpfs ?? {}).length > 0,
    '--read-only': host.ReadonlyRootfs,
    '--device': some(host.Devices) || some(host.DeviceRequests) || some(host.DeviceCgroupRules),
    '--shm-size': host.ShmSize !== DEFAULT_HOST_CONFIG.ShmSize,
    '--sysctl': Object.keys(host.Sysctls ?? {}).length > 0,
    [`--pid ${host.PidMode}`]: !['', 'host'].includes(host.PidMode),
    [`--ipc ${host.IpcMode}`]: !['private', 'host'].includes(host.IpcMode),
    '--cgroup-parent': host.CgroupParent !== '',
    '--hostname': hostname !== undefined,
    '--init': host.Init === true,
    '--runtime': host.Runtime !== undefined,
    [`--cap-add ${out ?? ''}`]: out !== undefined,
    '--security-opt systempaths=unconfined': some(host.MaskedPaths) || some(host.ReadonlyPaths),
    '--security-opt seccomp=PROFILE': (host.SecurityOpt ?? []).some((option) =>
      /^seccomp[=:](?!builtin$|unconfined$)/.test(option),
    ),
  };
}

/** Said where one is created. */
export function chrootWarning(): string {
  const shares = 'it shares the processes, the network, the hostname and the limits of this one';
  const lacks = '/proc and /sys are empty, /dev has stand-ins, volumes of its image are its own';
  return `the container runs in a chroot (${whyNoNamespaces().what}): ${shares}, ${lacks}; stave doctor shows the remedy`;
}
