import { BuildError } from '../model/error.js';
import { DEFAULT_HOST_CONFIG, type HostConfig } from '../model/host-config.js';
import { type Blocked, whyNoNamespaces, whyNoProc } from '../runtime/blocked.js';
import { normalCapabilities } from '../runtime/capabilities.js';
import type { containerIsolation } from '../runtime/container-isolation.js';
import { WAYS_OUT } from '../runtime/job-of.js';

type Isolation = ReturnType<typeof containerIsolation>;

/** What a chroot cannot give is not left out in silence. Throws BuildError `runtime`. */
export function refuseInChroot(host: HostConfig, isolation: Isolation, hostname?: string): void {
  if (isolation === 'namespaces') return;
  const all = { ...askedOf(host, hostname), ...(isolation === 'chroot' ? mountsOf(host) : {}) };
  const asked = Object.entries(all).find(([, isSo]) => isSo)?.[0];
  if (asked === undefined) return;
  const { what, remedy } = whyNot(isolation);
  throw new BuildError('runtime', `${asked} cannot be had in a chroot: ${what}`, {
    hint: `${remedy} (stave doctor shows all)`,
  });
}

function whyNot(isolation: Isolation): Blocked {
  return isolation === 'mounts' ? whyNoProc() : whyNoNamespaces();
}

function some(list: readonly unknown[] | null | undefined): boolean {
  return (list ?? []).length > 0;
}

function mountsOf(host: HostConfig): Record<string, boolean> {
  return {
    '--volume': some(host.Binds),
    '--mount': some(host.Mounts),
    '--volumes-from': some(host.VolumesFrom),
    '--tmpfs': Object.keys(host.Tmpfs ?? {}).length > 0,
    '--shm-size': host.ShmSize !== DEFAULT_HOST_CONFIG.ShmSize,
  };
}

function askedOf(host: HostConfig, hostname: string | undefined): Record<string, boolean> {
  const network = host.NetworkMode.replace(/^container:([0-9a-f]{12})[0-9a-f]*$/, 'container:$1');
  const out = normalCapabilities(host.CapAdd ?? [], 'CapAdd').find((name) =>
    WAYS_OUT.includes(name),
  );
  return {
    '--privileged': host.Privileged,
    [`--network ${network}`]: network !== 'host',
    '--read-only': host.ReadonlyRootfs,
    '--device': some(host.Devices) || some(host.DeviceRequests) || some(host.DeviceCgroupRules),
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
export function chrootWarnings(isolation: Isolation): readonly string[] {
  if (isolation === 'namespaces') return [];
  const shares = 'it shares the processes, the network, the hostname and the limits of this one';
  const lacks =
    isolation === 'mounts'
      ? '/proc and /sys are those of this one'
      : '/proc and /sys are empty, /dev has stand-ins, volumes of its image are its own';
  const { what } = whyNot(isolation);
  return [
    `the container runs in a chroot (${what}): ${shares}, ${lacks}; stave doctor shows the remedy`,
  ];
}
