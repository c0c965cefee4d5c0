/** Which limits a machine can enforce (moby, sysinfo). */
export interface MachineLimits {
  /** Cgroups can be made here at all. */
  readonly cgroups: boolean;
  readonly memory: boolean;
  readonly swap: boolean;
  readonly reservation: boolean;
  readonly swappiness: boolean;
  readonly oomKillDisable: boolean;
  readonly pids: boolean;
  readonly cpuQuota: boolean;
  readonly cpuShares: boolean;
  readonly cpuRealtime: boolean;
  readonly cpuset: boolean;
  readonly devices: boolean;
  readonly blkioWeight: boolean;
  readonly blkioThrottle: boolean;
  /** `0-3`. */
  readonly cpus: string;
  readonly mems: string;
  readonly cpuCount: number;
}
