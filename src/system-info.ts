import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, hostname, release, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Workshop } from './workshop.js';

/** docker's `info`, as far as a program without a daemon has it. */
export interface SystemInfo {
  readonly Containers: number;
  readonly ContainersRunning: number;
  readonly ContainersPaused: number;
  readonly ContainersStopped: number;
  readonly Images: number;
  readonly Driver: string;
  readonly LoggingDriver: string;
  readonly CgroupVersion: string;
  readonly DefaultRuntime: string;
  readonly KernelVersion: string;
  readonly OperatingSystem: string;
  readonly OSType: string;
  readonly Architecture: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly DockerRootDir: string;
  readonly Name: string;
}

export function systemInfo(workshop: Workshop): SystemInfo {
  const { store, containers, env } = workshop;
  const states = containers.list();
  const count = (status: string): number =>
    states.filter((state) => state.status === status).length;
  const [running, paused] = [count('running'), count('paused')];
  return {
    Containers: states.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: states.length - running - paused,
    Images: store.images.list().length,
    Driver: 'overlay',
    LoggingDriver: 'k8s-file',
    CgroupVersion: existsSync('/sys/fs/cgroup/cgroup.controllers') ? '2' : '1',
    DefaultRuntime: ['crun', 'runc'].find((name) => isOnPath(name, env['PATH'])) ?? '',
    KernelVersion: release(),
    OperatingSystem: operatingSystem(),
    OSType: workshop.platform.os,
    Architecture: workshop.platform.architecture,
    NCPU: availableParallelism(),
    MemTotal: totalmem(),
    DockerRootDir: store.root,
    Name: hostname(),
  };
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
