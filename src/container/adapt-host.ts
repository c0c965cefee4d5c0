import { BuildError } from '../model/error.js';
import type { HostConfig } from '../model/host-config.js';
import type { MachineLimits } from '../model/machine-limits.js';
import { normalCapabilities } from '../runtime/capabilities.js';
import { containerIsolation } from '../runtime/container-isolation.js';
import { noLimits } from '../runtime/machine-limits.js';
import { checkLimits, needsDeviceCgroup } from './check-limits.js';
import type { ContainerStore } from './container-store.js';
import { chrootWarnings, refuseInChroot } from './refuse-in-chroot.js';

export interface AdaptedHost {
  readonly host: HostConfig;
  readonly warnings: readonly string[];
}

export interface AdaptDeps {
  readonly containers: ContainerStore;
  /** One that was asked for. */
  readonly hostname?: string | undefined;
  readonly machine: () => MachineLimits;
}

/**
 * What was asked, checked and made whole as docker does when it creates a container: defaults that follow from other
 * values, names of containers as ids, what the machine cannot do dropped with a warning. Throws BuildError `usage`.
 */
export function adaptHost(asked: HostConfig, deps: AdaptDeps): AdaptedHost {
  checkHost(asked);
  const { containers, machine, hostname } = deps;
  const isolation = containerIsolation();
  refuseInChroot(asked, isolation, hostname);
  const notes = chrootWarnings(isolation);
  const { Memory, MemorySwap, PidMode } = asked;
  const whole: HostConfig = {
    ...asked,
    MemorySwap: Memory > 0 && MemorySwap === 0 ? Memory * 2 : MemorySwap,
    OomKillDisable: asked.OomKillDisable ?? false,
    SecurityOpt: securityOptions(asked),
    PidMode: PidMode.startsWith('container:')
      ? `container:${containers.find(PidMode.slice('container:'.length)).id}`
      : PidMode,
  };
  if (!asksOfCgroups(whole)) return { host: whole, warnings: notes };
  const { resources, warnings } = checkLimits(
    whole,
    isolation === 'chroot' ? noLimits() : machine(),
  );
  return { host: { ...whole, ...resources }, warnings: [...notes, ...warnings] };
}

/** Who shares so much of the machine is not kept apart by labels either. */
function securityOptions({ SecurityOpt, Privileged, PidMode, IpcMode }: HostConfig) {
  const shares = Privileged || PidMode === 'host' || IpcMode === 'host';
  return shares ? [...(SecurityOpt ?? []), 'label=disable'] : SecurityOpt;
}

/** Looking at the machine costs a little: most containers ask for nothing. */
function asksOfCgroups(host: HostConfig): boolean {
  const numbers = [host.Memory, host.MemorySwap, host.MemoryReservation, host.NanoCpus]
    .concat([host.CpuShares, host.CpuPeriod, host.CpuQuota, host.BlkioWeight])
    .concat([host.CpuRealtimePeriod, host.CpuRealtimeRuntime, host.PidsLimit ?? 0]);
  const lists = [host.BlkioWeightDevice, host.BlkioDeviceReadBps, host.BlkioDeviceWriteBps].concat([
    host.BlkioDeviceReadIOps,
    host.BlkioDeviceWriteIOps,
  ]);
  return (
    numbers.some((number) => number !== 0) ||
    lists.some((list) => list.length > 0) ||
    host.CpusetCpus !== '' ||
    host.CpusetMems !== '' ||
    host.MemorySwappiness !== null ||
    host.OomKillDisable === true ||
    needsDeviceCgroup(host)
  );
}

function checkHost(host: HostConfig): void {
  const { OomScoreAdj, AutoRemove, RestartPolicy, Sysctls = {}, NetworkMode, IpcMode } = host;
  if (AutoRemove && RestartPolicy.Name !== 'no')
    throw new BuildError('usage', 'conflicting options: cannot specify both --restart and --rm');
  if (OomScoreAdj < -1000 || OomScoreAdj > 1000) {
    throw new BuildError(
      'usage',
      `Invalid value ${String(OomScoreAdj)}, range for oom score adj is [-1000, 1000]`,
    );
  }
  normalCapabilities(host.CapAdd ?? [], 'CapAdd');
  normalCapabilities(host.CapDrop ?? [], 'CapDrop');
  for (const option of host.SecurityOpt ?? []) checkSecurityOption(option);
  for (const name of Object.keys(Sysctls)) {
    // It would be the machine's own.
    const of = name.startsWith('net.') ? NetworkMode : IpcMode;
    if (of !== 'host') continue;
    const namespace = name.startsWith('net.') ? 'network' : 'IPC';
    throw new BuildError(
      'usage',
      `sysctl ${JSON.stringify(name)} not allowed in host ${namespace} namespace`,
    );
  }
}

function checkSecurityOption(option: string): void {
  const [, name = option, value] = /^([^=:]*)[=:](.*)$/s.exec(option) ?? [];
  const flag = name === 'no-new-privileges' || name === 'writable-cgroups';
  if (flag && (value === undefined || /^(true|false|1|0|t|f)$/i.test(value))) return;
  if (['label', 'apparmor', 'seccomp'].includes(name) && value !== undefined) return;
  if (option === 'disable') return;
  throw new BuildError('usage', `invalid --security-opt 2: ${JSON.stringify(option)}`, {
    hint: 'known are no-new-privileges, seccomp, systempaths, writable-cgroups, apparmor, label',
  });
}
