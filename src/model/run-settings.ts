/** `--ulimit`, in the kernel's words: `nofile` 1024 to 2048. */
export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  /** -1 is unlimited, as for `soft`. */
  readonly hard: number;
}

/** A line of /etc/hosts. */
export interface ExtraHost {
  readonly name: string;
  readonly address: string;
}

/** Limits that change no result, so they are in no key (`--memory`, `--resource`). Bytes, shares, microseconds. */
export interface RunResources {
  readonly memory?: number;
  /** Memory and swap together; -1 is unlimited. */
  readonly memorySwap?: number;
  readonly cpuShares?: number;
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly cpuRealtimePeriod?: number;
  readonly cpuRealtimeRuntime?: number;
  readonly memoryReservation?: number;
  /** 0 to 100. */
  readonly memorySwappiness?: number;
  readonly oomKillDisable?: boolean;
  /** -1 is unlimited. */
  readonly pidsLimit?: number;
  /** 10 to 1000. */
  readonly blkioWeight?: number;
  readonly blkioDevices?: readonly BlkioDevice[];
}

/** A limit of one block device, in the runtime-spec's words. */
export interface BlkioDevice {
  readonly kind:
    | 'weightDevice'
    | 'throttleReadBpsDevice'
    | 'throttleWriteBpsDevice'
    | 'throttleReadIOPSDevice'
    | 'throttleWriteIOPSDevice';
  readonly major: number;
  readonly minor: number;
  readonly value: number;
}

/** `--secret`: its value, or the file that holds it, read when a step needs it. */
export interface SecretSource {
  readonly id: string;
  readonly file?: string;
  readonly value?: string | Uint8Array;
}

/** `--ssh`: sockets of running agents, or private keys to make one of. */
export interface SshSource {
  readonly id: string;
  /** One socket, or key files. */
  readonly paths: readonly string[];
}

/** What the command line says about every RUN of a build. */
export interface RunSettings {
  readonly addHosts?: readonly ExtraHost[];
  /** Entitlements: `network.host`, `security.insecure`, `device`, `device=NAME`. */
  readonly allow?: readonly string[];
  readonly ulimits?: readonly Ulimit[];
  /** Bytes of /dev/shm. */
  readonly shmSize?: number;
  readonly cgroupParent?: string;
  readonly resources?: RunResources;
  readonly secrets?: readonly SecretSource[];
  readonly ssh?: readonly SshSource[];
  /** Ids of cache mounts, or `all`: what a step that fails wrote to them is taken back. */
  readonly cacheMountRollback?: readonly string[];
}
