import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';

/** A builder under measurement. `build` returns argv and environment of one build of `dir`. */
export interface Tool {
  readonly name: string;
  /** Directory of all it keeps. */
  readonly store: string;
  readonly build: (dir: string, tag: string) => Command;
  /** Build and write an OCI (docker: docker-save) archive of the result to `file`. */
  readonly exportTo: (dir: string, tag: string, file: string) => readonly Command[];
  /** `true` in a new container of a built image, on the machine's network; buildah's images are run by podman. */
  readonly runTrue: (tag: string) => Command;
  readonly close: () => void;
}
export interface Command {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const RUN_OPTIONS = ['--rm', '--network=host'];
/** Its own are more than root may have in some machines. */
const PODMAN_LIMITS = ['--ulimit=nofile=1024:1024', '--ulimit=nproc=8192:8192'];

export function staveTool(work: string): Tool {
  const env = { STAVE_ROOT: join(work, 'stave') };
  const build = (dir: string, tag: string): Command => ({
    argv: [join(process.cwd(), 'bin/stave'), 'build', '-q', '-t', tag, dir],
    env,
  });
  return {
    name: 'stave',
    store: join(work, 'stave'),
    build,
    runTrue: (tag) => ({
      argv: [join(process.cwd(), 'bin/stave'), 'run', ...RUN_OPTIONS, tag, 'true'],
      env,
    }),
    exportTo: (dir, tag, file) => [
      { argv: [...build(dir, tag).argv, '-o', `type=oci,dest=${file}`], env },
    ],
    close: () => undefined,
  };
}

export function buildahTool(work: string): Tool {
  const store = ['--root', join(work, 'buildah'), '--runroot', join(work, 'buildah-run')];
  const base = ['buildah', ...store, '--storage-driver', 'overlay'];
  const build = (dir: string, tag: string): Command => ({
    argv: [...base, 'bud', '--layers', '--isolation', 'chroot', '-q', '-t', tag, dir],
  });
  return {
    name: 'buildah',
    store: join(work, 'buildah'),
    build,
    runTrue: (tag) => ({
      argv: ['podman', ...store, '--storage-driver', 'overlay', '--cgroup-manager=cgroupfs'].concat(
        ['--runtime=runc', 'run', ...PODMAN_LIMITS, ...RUN_OPTIONS, `localhost/${tag}`, 'true'],
      ),
    }),
    exportTo: (dir, tag, file) => [
      build(dir, tag),
      { argv: [...base, 'push', '-q', tag, `oci-archive:${file}`] },
    ],
    close: () => undefined,
  };
}

/** Starts a dockerd of its own (no bridge, no iptables) on a private socket and waits until it answers. */
export function dockerTool(work: string): Tool {
  const socket = `unix://${join(work, 'docker.sock')}`;
  const log = openSync(join(work, 'dockerd.log'), 'a');
  mkdirSync(join(work, 'docker'), { recursive: true });
  const daemon = spawn(
    'dockerd',
    ['--data-root', join(work, 'docker'), '--exec-root', join(work, 'docker-exec')]
      .concat(['-p', join(work, 'dockerd.pid'), '-H', socket, '--bridge=none'])
      .concat(['--iptables=false', '--ip6tables=false', '--storage-driver', 'overlay2']),
    { stdio: ['ignore', log, log] },
  );
  const docker = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker';
  const env = { DOCKER_HOST: socket, DOCKER_BUILDKIT: '1' };
  waitFor(() => spawnSync(docker, ['version'], { env: { ...process.env, ...env } }).status === 0);
  const build = (dir: string, tag: string): Command => ({
    argv: [docker, 'build', '--network=host', '-q', '-t', tag, dir],
    env,
  });
  return {
    name: 'docker',
    store: join(work, 'docker'),
    build,
    runTrue: (tag) => ({ argv: [docker, 'run', ...RUN_OPTIONS, tag, 'true'], env }),
    exportTo: (dir, tag, file) => [
      build(dir, tag),
      { argv: ['sh', '-c', `${docker} save ${tag} | gzip > ${file}`], env },
    ],
    close: () => {
      daemon.kill('SIGTERM');
    },
  };
}

/** Runs to the end and returns milliseconds of wall time; throws with its output if it fails. */
export function time(commands: readonly Command[]): number {
  const start = process.hrtime.bigint();
  for (const command of commands) run(command);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

export function run(command: Command): void {
  const [program = '', ...args] = command.argv;
  const result = spawnSync(program, args, {
    env: { ...process.env, ...command.env },
    stdio: ['ignore', 'ignore', 'pipe'],
    maxBuffer: 1 << 26,
  });
  if (result.status === 0) return;
  throw new Error(
    `${command.argv.join(' ')}: ${String(result.status)}\n${result.stderr.toString()}`,
  );
}

function waitFor(ready: () => boolean): void {
  for (let tries = 0; tries < 100; tries++) {
    if (ready()) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
  throw new Error('dockerd did not answer within 20 s');
}
