import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, hostname, machine, release, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { digestOf, hexOf } from './model/digest.js';
import { redactUrls } from './model/redact-urls.js';
import { privileges } from './sys/privileges.js';
import type { Workshop } from './workshop.js';

/** docker's `info`, as far as a program without a daemon has it. */
export interface SystemInfo {
  readonly Containers: number;
  readonly ContainersRunning: number;
  readonly ContainersPaused: number;
  readonly ContainersStopped: number;
  readonly Images: number;
  readonly Driver: string;
  readonly Plugins: Readonly<Record<'Volume' | 'Network' | 'Log', readonly string[]>>;
  readonly Debug: boolean;
  /** RFC 3339. */
  readonly SystemTime: string;
  readonly LoggingDriver: string;
  readonly CgroupVersion: string;
  readonly Runtimes: Readonly<Record<string, { readonly path: string }>>;
  readonly DefaultRuntime: string;
  readonly SecurityOptions: readonly string[];
  readonly KernelVersion: string;
  readonly OperatingSystem: string;
  readonly OSType: string;
  /** As uname(2) says it: docker's word here, unlike in `version`. */
  readonly Architecture: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly DockerRootDir: string;
  readonly Name: string;
  /** Of this store on this machine. */
  readonly ID: string;
  readonly Swarm: Readonly<Record<string, unknown>>;
  readonly IndexServerAddress: string;
  readonly HttpProxy: string;
  readonly HttpsProxy: string;
  readonly NoProxy: string;
  readonly Labels: readonly string[];
  readonly ExperimentalBuild: boolean;
  readonly LiveRestoreEnabled: boolean;
  readonly Warnings: readonly string[];
}

/** What scripts ask for of a docker that is alone, and without a daemon to restart. */
const ALONE = {
  Swarm: {
    NodeID: '',
    NodeAddr: '',
    LocalNodeState: 'inactive',
    ControlAvailable: false,
    Error: '',
    RemoteManagers: null,
  },
  IndexServerAddress: 'https://index.docker.io/v1/',
  Labels: [],
  ExperimentalBuild: false,
  LiveRestoreEnabled: true,
  Warnings: [],
} as const;

export function systemInfo(workshop: Workshop): SystemInfo {
  const { store, containers, env } = workshop;
  const states = containers.list();
  const count = (status: string): number =>
    states.filter((state) => state.status === status).length;
  const [running, paused] = [count('running'), count('paused')];
  const runtimes = ['crun', 'runc'].filter((name) => isOnPath(name, env['PATH']));
  return {
    Containers: states.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: states.length - running - paused,
    Images: store.images.list().length,
    Driver: 'overlay',
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'none'],
      Log: ['k8s-file', 'none'],
    },
    Debug: false,
    SystemTime: new Date(workshop.now()).toISOString(),
    LoggingDriver: 'k8s-file',
    CgroupVersion: existsSync('/sys/fs/cgroup/cgroup.controllers') ? '2' : '1',
    Runtimes: Object.fromEntries(runtimes.map((name) => [name, { path: name }])),
    DefaultRuntime: runtimes[0] ?? '',
    SecurityOptions: [
      'name=seccomp,profile=default',
      ...(privileges().userNamespace ? ['name=rootless'] : []),
    ],
    KernelVersion: release(),
    OperatingSystem: operatingSystem(),
    OSType: workshop.platform.os,
    Architecture: machine(),
    NCPU: availableParallelism(),
    MemTotal: totalmem(),
    DockerRootDir: store.root,
    Name: hostname(),
    ID: hexOf(digestOf(`${hostname()}:${store.root}`)).slice(0, 48),
    HttpProxy: proxyOf('http_proxy', env),
    HttpsProxy: proxyOf('https_proxy', env),
    NoProxy: proxyOf('no_proxy', env),
    ...ALONE,
  };
}

function proxyOf(name: string, env: NodeJS.ProcessEnv): string {
  return redactUrls(env[name] ?? env[name.toUpperCase()] ?? '');
}

function isOnPath(program: string, path = ''): boolean {
  return path.split(delimiter).some((directory) => existsSync(join(directory, program)));
}

/** os-release(5). */
function operatingSystem(): string {
  try {
    const text = readFileSync('/etc/os-release', 'utf8');
    return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? 'Linux';
  } catch {
    return 'Linux'; // A machine without the file.
  }
}
