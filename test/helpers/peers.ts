import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A real builder to compare with: same Dockerfile in, filesystem tar and docker-like config out. */
export interface Peer extends AsyncDisposable {
  readonly name: string;
  readonly build: (context: string, tag: string) => void;
  readonly treeTar: (context: string, tag: string, file: string) => void;
  readonly config: (tag: string) => Record<string, unknown>;
  readonly run: (...args: string[]) => string;
}

function exec(program: string, args: readonly string[], env: NodeJS.ProcessEnv): string {
  const result = spawnSync(program, args, { env, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status === 0) return result.stdout;
  throw new Error(`${program} ${args.join(' ')}: ${String(result.status)}\n${result.stderr}`);
}

/** Debian's dockerd with BuildKit on a private socket, without bridge or iptables; stopped on dispose. */
export async function dockerPeer(dir: string): Promise<Peer> {
  const at = join(dir, 'docker');
  mkdirSync(at, { recursive: true });
  const socket = `unix://${join(at, 'sock')}`;
  const log = openSync(join(at, 'log'), 'a');
  const daemon = spawn(
    'dockerd',
    ['--data-root', join(at, 'data'), '--exec-root', join(at, 'exec'), '-p', join(at, 'pid')]
      .concat(['-H', socket, '--bridge=none', '--iptables=false', '--ip6tables=false'])
      .concat(['--storage-driver', 'overlay2']),
    { stdio: ['ignore', log, log] },
  );
  const docker = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker';
  const env = { ...process.env, DOCKER_HOST: socket, DOCKER_BUILDKIT: '1' };
  const run = (...args: string[]): string => exec(docker, args, env);
  for (let tries = 0; spawnSync(docker, ['version'], { env }).status !== 0; tries++) {
    if (tries > 150) throw new Error(`dockerd does not answer, see ${join(at, 'log')}`);
    await delay(100);
  }
  return {
    name: 'docker',
    run,
    build: (context, tag) => void run('build', '--network=host', '-q', '-t', tag, context),
    treeTar: (context, _tag, file) =>
      void run('build', '--network=host', '-q', '-o', `type=tar,dest=${file}`, context),
    config: (tag) => first(run('inspect', tag)),
    [Symbol.asyncDispose]: async () => {
      const gone = new Promise((resolve) => daemon.once('exit', resolve));
      daemon.kill('SIGTERM');
      await gone;
      // It keeps its host network namespace mounted on a file.
      spawnSync('umount', ['-l', join(at, 'exec/netns/default')]);
    },
  };
}

/** buildah with a store of its own, RUN by its chroot isolation. */
export function buildahPeer(dir: string): Peer {
  const store = ['--root', join(dir, 'buildah'), '--runroot', join(dir, 'buildah-run')];
  const run = (...args: string[]): string =>
    exec('buildah', [...store, '--storage-driver', 'overlay', ...args], process.env);
  return {
    name: 'buildah',
    run,
    build: (context, tag) =>
      void run(
        'bud',
        '--layers',
        '--isolation',
        'chroot',
        '--format',
        'docker',
        '-q',
        '-t',
        tag,
        context,
      ),
    treeTar: (_context, tag, file) => {
      const container = run('from', '--pull-never', tag).trim();
      const root = run('mount', container).trim();
      exec('tar', ['-c', '--numeric-owner', '--xattrs', '-f', file, '-C', root, '.'], process.env);
      run('rm', container);
    },
    config: (tag) => {
      const all = JSON.parse(run('inspect', '--type', 'image', tag)) as Record<string, unknown>;
      return all['Docker'] as Record<string, unknown>;
    },
    [Symbol.asyncDispose]: () => {
      spawnSync('buildah', [...store, '--storage-driver', 'overlay', 'umount', '--all']);
      // The storage driver keeps its own directory mounted on itself.
      spawnSync('umount', ['-l', join(dir, 'buildah/overlay')]);
      return Promise.resolve();
    },
  };
}

function first(json: string): Record<string, unknown> {
  const list = JSON.parse(json) as Record<string, unknown>[];
  return list[0] ?? {};
}
