import { statSync } from 'node:fs';
import { deviceNumbers } from '../sys/device-number.js';
import type { ContainerState } from '../model/container.js';
import { BuildError } from '../model/error.js';
import type { HostConfig } from '../model/host-config.js';
import type { Confinement, Namespaces, SeccompProfile } from '../model/process.js';
import type { BlkioDevice, RunResources } from '../model/run-settings.js';
import { privileges } from '../sys/privileges.js';
import { tweakedCapabilities } from '../runtime/capabilities.js';
import { dockerSeccomp, type DockerSeccomp } from './docker-seccomp.js';
import { givenDevices, hostDevices } from './given-devices.js';

/** What a container's HostConfig means for the runtime. `pidOf` gives the first process of another container. */
export function confinementOf(
  { hostConfig: host, domainname }: Pick<ContainerState, 'hostConfig' | 'domainname'>,
  pidOf: (container: string) => number,
): Confinement {
  const capabilities = host.Privileged
    ? undefined
    : tweakedCapabilities(host.CapAdd ?? [], host.CapDrop ?? []);
  const tweaked = (host.CapAdd ?? host.CapDrop) !== null && capabilities !== undefined;
  const resources = resourcesOf(host);
  return {
    insecure: host.Privileged,
    ...(host.Privileged ? { devices: hostDevices(), deviceRules: [] } : givenDevices(host)),
    ...(tweaked ? { capabilities } : {}),
    ...securityOf(host, capabilities ?? []),
    ...namespacesPart(host, pidOf),
    ...(host.Ulimits.length === 0
      ? {}
      : {
          ulimits: host.Ulimits.map(({ Name, Soft, Hard }) => ({
            name: Name,
            soft: Soft,
            hard: Hard,
          })),
        }),
    ...(host.MaskedPaths === null ? {} : { maskedPaths: host.MaskedPaths }),
    ...(host.ReadonlyPaths === null ? {} : { readonlyPaths: host.ReadonlyPaths }),
    ...(host.CgroupParent === '' ? {} : { cgroupParent: host.CgroupParent }),
    ...(Object.keys(resources).length === 0 ? {} : { resources }),
    ...sysctlsPart(host, domainname),
    ...(host.Annotations === undefined ? {} : { annotations: host.Annotations }),
    ...(host.OomScoreAdj === 0 ? {} : { oomScoreAdj: host.OomScoreAdj }),
    shmSize: host.IpcMode === 'none' ? 0 : host.ShmSize,
    readonlyRoot: host.ReadonlyRootfs,
  };
}

/** The runtime-spec of old runtimes has no domain name; the kernel has a parameter for it. */
function sysctlsPart(host: HostConfig, domainname: string | undefined) {
  const domain = domainname === undefined ? {} : { 'kernel.domainname': domainname };
  const all = { ...domain, ...networkSysctls(host), ...host.Sysctls };
  return Object.keys(all).length === 0 ? {} : { sysctls: all };
}

/** In a network of its own a user may listen on any port and ping (moby, daemon/oci_linux.go). */
function networkSysctls({ NetworkMode }: HostConfig): Readonly<Record<string, string>> {
  if (NetworkMode === 'host' || NetworkMode.startsWith('container:')) return {};
  const ping = 'net.ipv4.ping_group_range';
  return {
    'net.ipv4.ip_unprivileged_port_start': '0',
    // The range has groups that a user namespace does not have.
    ...(privileges().userNamespace ? {} : { [ping]: '0 2147483647' }),
  };
}

/** Limits in the words of the runtime; nothing of what was not asked for. */
export function resourcesOf(host: HostConfig): RunResources {
  const nano = host.NanoCpus > 0 ? { cpuPeriod: 100_000, cpuQuota: host.NanoCpus / 10_000 } : {};
  const some = <K extends keyof RunResources>(name: K, value: RunResources[K] | 0 | '' | null) =>
    value === 0 || value === '' || value === null ? {} : { [name]: value };
  const devices = blkioDevices(host);
  return {
    ...some('memory', host.Memory),
    ...some('memorySwap', host.Memory > 0 ? host.MemorySwap : 0),
    ...some('memoryReservation', host.MemoryReservation),
    ...some('memorySwappiness', host.MemorySwappiness),
    ...(host.OomKillDisable === true ? { oomKillDisable: true } : {}),
    ...some('cpuShares', host.CpuShares),
    ...some('cpuPeriod', host.CpuPeriod),
    ...some('cpuQuota', host.CpuQuota),
    ...nano,
    ...some('cpuRealtimePeriod', host.CpuRealtimePeriod),
    ...some('cpuRealtimeRuntime', host.CpuRealtimeRuntime),
    ...some('cpusetCpus', host.CpusetCpus),
    ...some('cpusetMems', host.CpusetMems),
    ...some('pidsLimit', host.PidsLimit),
    ...some('blkioWeight', host.BlkioWeight),
    ...(devices.length === 0 ? {} : { blkioDevices: devices }),
  };
}

function blkioDevices(host: HostConfig): BlkioDevice[] {
  const device = (kind: BlkioDevice['kind'], path: string, value: number): BlkioDevice => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined)
      throw new BuildError('not-found', `stat ${path}: no such file or directory`);
    return { kind, ...deviceNumbers(stat.rdev), value };
  };
  const rates = (
    kind: BlkioDevice['kind'],
    list: readonly { readonly Path: string; readonly Rate: number }[],
  ): BlkioDevice[] => list.map(({ Path, Rate }) => device(kind, Path, Rate));
  return [
    ...host.BlkioWeightDevice.map(({ Path, Weight }) => device('weightDevice', Path, Weight)),
    ...rates('throttleReadBpsDevice', host.BlkioDeviceReadBps),
    ...rates('throttleWriteBpsDevice', host.BlkioDeviceWriteBps),
    ...rates('throttleReadIOPSDevice', host.BlkioDeviceReadIOps),
    ...rates('throttleWriteIOPSDevice', host.BlkioDeviceWriteIOps),
  ];
}

/** --security-opt. AppArmor and SELinux options mean something only where the kernel has them, as with docker. */
function securityOf(host: HostConfig, capabilities: readonly string[]): Partial<Confinement> {
  const options = (host.SecurityOpt ?? []).map((option) => {
    const [, name = option, value = 'true'] = /^([^=:]*)[=:](.*)$/s.exec(option) ?? [];
    return [name, value] as const;
  });
  const last = (wanted: string): string | undefined =>
    options.findLast(([name]) => name === wanted)?.[1];
  const on = (wanted: string): boolean => /^(true|1|t)$/i.test(last(wanted) ?? '');
  const seccomp = seccompOf(last('seccomp'), capabilities);
  return {
    ...(on('no-new-privileges') ? { noNewPrivileges: true } : {}),
    ...(on('writable-cgroups') ? { writableCgroups: true } : {}),
    ...(seccomp === undefined ? {} : { seccomp }),
  };
}

function seccompOf(
  option: string | undefined,
  capabilities: readonly string[],
): 'unconfined' | SeccompProfile | undefined {
  if (option === undefined || option === 'builtin') return undefined;
  if (option === 'unconfined') return option;
  const profile = JSON.parse(option) as DockerSeccomp; // Its fields are looked at where they are used.
  return dockerSeccomp(profile, process.arch, capabilities);
}

function namespacesPart(
  host: HostConfig,
  pidOf: (container: string) => number,
): { readonly namespaces?: Namespaces } {
  const { PidMode, IpcMode, UTSMode, CgroupnsMode } = host;
  const other = PidMode.startsWith('container:') ? PidMode.slice('container:'.length) : undefined;
  const namespaces: Namespaces = {
    ...(PidMode === 'host' ? { pid: 'host' } : {}),
    ...(other === undefined ? {} : { pid: `/proc/${String(pidOf(other))}/ns/pid` }),
    ...(IpcMode === 'host' ? { ipc: 'host' } : {}),
    ...(UTSMode === 'host' ? { uts: 'host' } : {}),
    ...(CgroupnsMode === 'private' ? { cgroup: 'private' } : {}),
  };
  return Object.keys(namespaces).length === 0 ? {} : { namespaces };
}
