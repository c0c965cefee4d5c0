import { execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { overlayLines } from './tree.js';

/** What a builder made of a Dockerfile, as far as it can be compared with what another made. */
export interface BuiltImage {
  readonly tree: readonly string[];
  /** As `docker inspect` prints it. */
  readonly inspect: Readonly<Record<string, unknown>>;
  /** Newest first, as `docker history` prints it. */
  readonly history: readonly string[];
}

/** A real builder to compare with: same Dockerfile in, an image out; its store is read in place, which is quick. */
export interface Peer<T = BuiltImage> extends AsyncDisposable {
  readonly name: string;
  readonly image: (context: string, tag: string, args?: readonly string[]) => Promise<T>;
  readonly run: (...args: string[]) => string;
}

/** Runs a program to its end; what it says on stderr is the error when it fails. */
export function exec(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { env, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${args.join(' ')}: ${stderr}`, { cause: error }));
    });
  });
}

function execSync(program: string, args: readonly string[], env: NodeJS.ProcessEnv): string {
  const result = spawnSync(program, args, { env, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status === 0) return result.stdout;
  throw new Error(`${program} ${args.join(' ')}: ${String(result.status)}\n${result.stderr}`);
}

/** Debian's dockerd with BuildKit on a private socket, without iptables and, if not told, bridge; stopped on dispose. */
export async function dockerPeer(
  dir: string,
  network: readonly string[] = ['--bridge=none'],
): Promise<Peer & { readonly host: string }> {
  const at = join(dir, 'docker');
  mkdirSync(at, { recursive: true });
  const socket = join(at, 'sock');
  const log = openSync(join(at, 'log'), 'a');
  const daemon = spawn(
    'dockerd',
    ['--data-root', join(at, 'data'), '--exec-root', join(at, 'exec'), '-p', join(at, 'pid')]
      .concat(['-H', `unix://${socket}`, '--iptables=false', '--ip6tables=false'])
      .concat(['--storage-driver', 'overlay2'], network),
    { stdio: ['ignore', log, log] },
  );
  const docker = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker';
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_BUILDKIT: '1' };
  while (spawnSync(docker, ['version'], { env }).status !== 0) {
    if (daemon.exitCode !== null)
      throw new Error(`dockerd: ${readFileSync(join(at, 'log'), 'utf8')}`);
    await delay(100);
  }
  return {
    name: 'docker',
    host: `unix://${socket}`,
    run: (...args) => execSync(docker, args, env),
    image: async (context, tag, args = []) => {
      await exec(docker, ['build', '--network=host', '-q', '-t', tag, ...args, context], env);
      const [inspect, history] = await Promise.all([
        get<DockerInspect>(socket, `/images/${tag}/json`),
        get<{ CreatedBy: string }[]>(socket, `/images/${tag}/history`),
      ]);
      const { UpperDir = '', LowerDir = '' } = inspect.GraphDriver.Data ?? {};
      const layers = `${UpperDir}:${LowerDir}`.split(':').filter((layer) => layer !== '');
      return {
        tree: overlayLines(layers, join(at, `${tag}.merged`)),
        inspect: { ...inspect },
        history: history.map(({ CreatedBy }) => CreatedBy),
      };
    },
    [Symbol.asyncDispose]: async () => {
      const gone = new Promise((resolve) => daemon.once('exit', resolve));
      daemon.kill('SIGTERM');
      await gone;
      // It keeps its host network namespace mounted on a file.
      spawnSync('umount', ['-l', join(at, 'exec/netns/default')]);
    },
  };
}

interface DockerInspect {
  readonly GraphDriver: {
    readonly Data: { readonly UpperDir?: string; readonly LowerDir?: string } | null;
  };
}

function get<T>(socketPath: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text) as T);
        else reject(new Error(`${path}: ${text}`));
      });
    });
    asked.on('error', reject).end();
  });
}

/** buildah with a store of its own, RUN by its chroot isolation; only its trees are compared. */
export function buildahPeer(dir: string): Peer<readonly string[]> {
  const root = join(dir, 'buildah');
  const options = ['--root', root, '--runroot', join(dir, 'buildah-run')];
  const store = [...options, '--storage-driver', 'overlay'];
  return {
    name: 'buildah',
    run: (...args) => execSync('buildah', [...store, ...args], process.env),
    image: async (context, tag, args = []) => {
      const how = ['--isolation', 'chroot', '--format', 'docker', '-q', '-t', tag];
      await exec('buildah', [...store, 'bud', ...how, ...args, context], process.env);
      return overlayLines(buildahLayers(root, tag), join(dir, `${tag}.buildah`));
    },
    [Symbol.asyncDispose]: () => {
      spawnSync('buildah', [...store, 'umount', '--all']);
      // The storage driver keeps its own directory mounted on itself.
      spawnSync('umount', ['-l', join(root, 'overlay')]);
      return Promise.resolve();
    },
  };
}

/** The directories of an image's layers in containers/storage, topmost first. */
function buildahLayers(root: string, tag: string): string[] {
  const read = (file: string): unknown => JSON.parse(readFileSync(join(root, file), 'utf8'));
  const images = read('overlay-images/images.json') as { names?: string[]; layer?: string }[];
  const layers = read('overlay-layers/layers.json') as { id: string; parent?: string }[];
  const top = images.find(({ names = [] }) => names.includes(`localhost/${tag}:latest`))?.layer;
  const parents = new Map(layers.map(({ id, parent }) => [id, parent]));
  const chain: string[] = [];
  for (let id = top; id !== undefined && id !== ''; id = parents.get(id)) {
    chain.push(join(root, 'overlay', id, 'diff'));
  }
  return chain;
}
