import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { busyboxContext } from '../busybox.js';
import { exec } from '../peers.js';
import { startRegistry, type TestRegistry } from '../registry.js';
import { BUSYBOX_DOCKERFILE, type StaveWorld } from '../stave.js';

const PYTHON = `FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3-minimal && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
CMD ["python3"]
`;
const WEB = `FROM busybox
RUN mkdir -p /var/www/html && echo "It works!" > /var/www/html/index.html
EXPOSE 80
CMD ["httpd","-f","-h","/var/www/html"]
`;
const HELLO_WORLD = 'FROM scratch\nCOPY hello /\nCMD ["/hello"]\n';
const HELLO_C = `#include <stdio.h>
int main(void) { return puts("\\nHello from a container!\\nIt works: image, container, process.\\n") < 0; }
`;

/** Names on Docker Hub that the labs pull, and which of our images they mean. */
const NAMES: readonly (readonly [name: string, image: string])[] = [
  ['library/debian:latest', 'debian:bookworm-slim'],
  ['library/python:3.11-bookworm', 'python'],
  ['library/busybox:latest', 'busybox'],
  ['library/busybox:1.35', 'busybox'],
  ['library/httpd:2.4', 'httpd'],
  ['someone/web:lts', 'web'],
  ['library/hello-world:latest', 'hello-world'],
];

/**
 * A registry on loopback with the images of the labs, made of Debian packages. Making them takes most of a minute: what
 * the registry then has is kept in the cache for the next run, as the base image is.
 */
export async function labRegistry(world: StaveWorld): Promise<TestRegistry> {
  const recipe = JSON.stringify([PYTHON, WEB, HELLO_WORLD, HELLO_C, NAMES, BUSYBOX_DOCKERFILE]);
  const key = createHash('sha256').update(recipe).digest('hex').slice(0, 16);
  const kept = join(world.env['XDG_CACHE_HOME'] ?? tmpdir(), `stave/labs-${key}`);
  if (existsSync(kept)) {
    mkdirSync(join(world.dir, 'registry'));
    cpSync(kept, join(world.dir, 'registry/data'), { recursive: true });
    return startRegistry(world.dir);
  }
  const registry = await startRegistry(world.dir);
  await pushImages(world, registry.host);
  const whole = `${kept}.${String(process.pid)}`;
  cpSync(registry.data, whole, { recursive: true });
  if (existsSync(kept)) rmSync(whole, { recursive: true });
  else renameSync(whole, kept);
  return registry;
}

async function pushImages(world: StaveWorld, registry: string): Promise<void> {
  const env = { ...world.env, ...made(1) };
  execFileSync('sh', ['scripts/base-image.sh'], { env, stdio: 'inherit' });
  const others = async (): Promise<void> => {
    await push(world, 'debian:bookworm-slim', registry);
    await build(world, 'busybox', { context: busyboxContext(world.dir), day: 2 });
    await push(world, 'busybox', registry);
    await build(world, 'httpd', { context: context(world, 'httpd', WEB), day: 3 });
    await push(world, 'httpd', registry);
    await build(world, 'web', {
      context: context(world, 'web', `${WEB}LABEL by=someone\n`),
      day: 4,
    });
    await push(world, 'web', registry);
    await build(world, 'hello-world', { context: helloContext(world), day: 5 });
    await push(world, 'hello-world', registry);
  };
  const python = async (): Promise<void> => {
    await build(world, 'python', { context: context(world, 'python', PYTHON), day: 3 });
    await push(world, 'python', registry);
  };
  await Promise.all([others(), python()]);
}

/** Lists of images are sorted by when they were made. */
function made(day: number): { readonly SOURCE_DATE_EPOCH: string } {
  return { SOURCE_DATE_EPOCH: String(Date.UTC(2025, 0, day) / 1000) };
}

async function build(
  world: StaveWorld,
  image: string,
  from: { readonly context: string; readonly day: number },
): Promise<void> {
  const { status, stderr } = await world.start(
    ['build', '-q', '-t', image, from.context],
    made(from.day),
  );
  if (status !== 0) throw new Error(`${image}: ${stderr}`);
}

function context(world: StaveWorld, image: string, dockerfile: string): string {
  const dir = join(world.dir, `context-${image}`);
  mkdirSync(dir);
  writeFileSync(join(dir, 'Dockerfile'), dockerfile);
  return dir;
}

function helloContext(world: StaveWorld): string {
  const dir = context(world, 'hello-world', HELLO_WORLD);
  writeFileSync(join(dir, 'hello.c'), HELLO_C);
  execFileSync('gcc', ['-static', '-s', '-O', '-o', join(dir, 'hello'), join(dir, 'hello.c')]);
  return dir;
}

/** Under each of its names. */
async function push(world: StaveWorld, image: string, registry: string): Promise<void> {
  const archive = join(world.dir, `${image.replace(':', '-')}.tar`);
  await world.start(['save', '-o', archive, image]);
  const options = ['--quiet', '--dest-tls-verify=false', '--dest-compress-level=1'];
  for (const [name, of] of NAMES) {
    const to = `docker://${registry}/${name}`;
    if (of === image)
      await exec('skopeo', ['copy', ...options, `docker-archive:${archive}`, to], world.env);
  }
}
