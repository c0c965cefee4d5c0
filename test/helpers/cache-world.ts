import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, request as ask, type Server } from 'node:http';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { startRegistry, type TestRegistry } from './registry.js';
import { type Outcome, type StaveWorld, staveWorld } from './stave.js';

/** Two stages, each kind of step: ten steps, of which nine make layers, eight of them the image's. */
export const CACHE_DOCKERFILE = `FROM scratch AS base
COPY busybox /bin/busybox
RUN ["/bin/busybox","--install","-s","/bin"]
FROM base AS tool
RUN echo tool > /tool
FROM base
RUN echo one > /one
COPY file /file
RUN echo two > /two
COPY --from=tool /tool /from-tool
COPY --link file /linked
WORKDIR /work
`;

/** A store, and a registry that caches go to, for the suite that calls this. */
export interface CacheWorld {
  readonly world: StaveWorld;
  readonly registry: TestRegistry;
  /** A context of its own with busybox and `file`. */
  readonly context: (name: string, dockerfile?: string) => string;
  /** The registry's cache of a name, for a flag. */
  readonly at: (name: string) => string;
}

export function cacheWorld(): CacheWorld {
  const world = staveWorld();
  let registry: TestRegistry | undefined;
  const started = (): TestRegistry => {
    if (registry === undefined) throw new Error('the registry starts before the first test');
    return registry;
  };
  before(async () => {
    registry = await startRegistry(world.dir);
  });
  after(async () => {
    await registry?.[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });
  return {
    world,
    get registry() {
      return started();
    },
    context: (name, dockerfile = CACHE_DOCKERFILE) => {
      const at = join(world.dir, name);
      mkdirSync(at, { recursive: true });
      cpSync('/bin/busybox', join(at, 'busybox'));
      writeFileSync(join(at, 'file'), 'hello\n');
      writeFileSync(join(at, 'Dockerfile'), dockerfile);
      return at;
    },
    at: (name) => `type=registry,ref=${started().host}/${name}`,
  };
}

/** Builds `app` and shows it plainly. */
export function buildApp(on: StaveWorld, dir: string, ...args: string[]): Outcome {
  return on.ok('build', '--progress=plain', '-t', 'app', ...args, dir);
}

/** Titles of the steps that ran. */
export function ran({ stderr }: Outcome): string[] {
  return [...stderr.matchAll(/^#(\d+) why: /gm)].map(
    ([, n = '']) => new RegExp(`^#${n} (\\[.*)$`, 'm').exec(stderr)?.[1] ?? n,
  );
}

export function imageId({ stderr }: Outcome): string | undefined {
  return /^image (\S+)$/m.exec(stderr)?.[1];
}

/** Into a registry on loopback. */
export function skopeo(from: string, to: string): void {
  const args = ['copy', '-q', '--dest-tls-verify=false', from, to];
  const { status, stderr } = spawnSync('skopeo', args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

/** In front of a registry; what `stalls` says is never answered. */
export async function startProxy(
  host: string,
  stalls: (line: string) => boolean,
): Promise<{ readonly host: string } & AsyncDisposable> {
  const server: Server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    if (stalls(`${method} ${url}`)) return;
    // By its own name it sends uploads back through us.
    const upstream = ask({
      host: host.split(':')[0],
      port: host.split(':')[1],
      method,
      path: url,
      headers,
    });
    upstream.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    host: `127.0.0.1:${String(address.port)}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
