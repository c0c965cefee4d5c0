import type { BuildFacts } from './build-record.js';

/** How a build was configured, in buildx' words. */
export interface ReportedConfig {
  readonly Network?: string;
  readonly ExtraHosts?: readonly string[];
  readonly CgroupParent?: string;
  readonly ImageResolveMode: 'local' | 'pull';
  readonly MultiPlatform?: true;
  readonly NoCache?: true;
  readonly NoCacheFilter?: readonly string[];
  /** Bytes. */
  readonly ShmSize?: string;
  readonly Ulimit?: string;
  /** Bytes. */
  readonly Memory?: string;
  readonly MemorySwap?: string;
  readonly CPUShares?: string;
  readonly CPUPeriod?: string;
  readonly CPUQuota?: string;
  readonly CPUSetCPUs?: string;
  readonly CPUSetMems?: string;
  readonly CacheMountNS?: string;
  readonly DockerfileCheckConfig?: string;
  readonly SourceDateEpoch?: string;
  readonly SandboxHostname?: string;
}

type Text = keyof {
  [K in keyof ReportedConfig as string extends ReportedConfig[K] ? K : never]: 0;
};

const BY_FLAG: Partial<Record<Text, string>> = {
  Network: '--network',
  CgroupParent: '--cgroup-parent',
  ShmSize: '--shm-size',
  Memory: '--memory',
  MemorySwap: '--memory-swap',
  CPUShares: '--cpu-shares',
  CPUPeriod: '--cpu-period',
  CPUQuota: '--cpu-quota',
  CPUSetCPUs: '--cpuset-cpus',
  CPUSetMems: '--cpuset-mems',
};
const BY_ARG: Partial<Record<Text, string>> = {
  CacheMountNS: 'BUILDKIT_CACHE_MOUNT_NS',
  DockerfileCheckConfig: 'BUILDKIT_DOCKERFILE_CHECK',
  SourceDateEpoch: 'SOURCE_DATE_EPOCH',
  SandboxHostname: 'SANDBOX_HOSTNAME',
};

export function reportConfig({ flags, buildArgs }: BuildFacts): ReportedConfig {
  const of = (flag: string): string[] =>
    flags.filter((each) => each.startsWith(`${flag} `)).map((each) => each.slice(flag.length + 1));
  const many = (name: string, values: readonly string[]): object =>
    values.length === 0 ? {} : { [name]: values };
  const named = (
    names: Partial<Record<Text, string>>,
    value: (name: string) => string | undefined,
  ) =>
    Object.fromEntries(
      Object.entries(names).flatMap(([field, name]) => {
        const found = value(name);
        return found === undefined ? [] : [[field, found]];
      }),
    );
  const ulimits = of('--ulimit');
  return {
    ...named(BY_FLAG, (flag) => of(flag)[0]?.replace(/^"(.*)"$/s, '$1')),
    ...named(BY_ARG, (arg) => buildArgs[arg]),
    ...many('ExtraHosts', of('--add-host')),
    ImageResolveMode: flags.includes('--pull') ? 'pull' : 'local',
    ...(isTrue(buildArgs['BUILDKIT_MULTI_PLATFORM']) ? { MultiPlatform: true } : {}),
    ...(flags.includes('--no-cache') ? { NoCache: true } : {}),
    ...many('NoCacheFilter', of('--no-cache-filter')),
    ...(ulimits.length === 0 ? {} : { Ulimit: ulimits.join(',') }),
  };
}

/** As Go reads it. */
export function isTrue(value: string | undefined): boolean {
  return /^(1|t|true)$/i.test(value ?? '');
}
