import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CleanupStack } from '../../../src/executor/cleanup-stack.js';
import { dockerPeer } from '../peers.js';
import { freePort } from '../registry.js';
import { type StaveWorld, staveWorld } from '../stave.js';
import { labRegistry } from './images.js';

/** Who plays a lab: in this environment the command `stave` is the one or the other. */
export interface Player {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A loopback registry in place of Docker Hub with what the labs pull, and who plays them. */
export interface LabWorld extends AsyncDisposable {
  readonly stave: Player;
  readonly docker: Player;
}

export async function labWorld(): Promise<LabWorld> {
  const kept = new CleanupStack();
  try {
    return { ...(await players(kept)), [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
  } catch (error) {
    await kept[Symbol.asyncDispose]();
    throw error;
  }
}

async function players(kept: CleanupStack): Promise<Omit<LabWorld, keyof AsyncDisposable>> {
  const maker = staveWorld();
  kept.defer(maker[Symbol.dispose]);
  const registry = await labRegistry(maker);
  kept.use(registry);
  const mirror = `http://${registry.host}`;
  const bridge = `lab${String(process.pid)}`;
  execFileSync('ip', ['link', 'add', bridge, 'type', 'bridge']);
  kept.defer(() => {
    execFileSync('ip', ['link', 'del', bridge]);
  });
  execFileSync('ip', ['address', 'add', '10.213.7.1/24', 'dev', bridge]);
  const docker = await dockerPeer(maker.dir, [`--bridge=${bridge}`, '--registry-mirror', mirror]);
  kept.use(docker);
  const world = staveWorld();
  kept.defer(() => {
    leave(world);
  });
  const [ours, theirs] = [stavePlayer(world, mirror), dockerPlayer(maker.dir, docker.host)];
  ours.env['PORT'] = String(await freePort());
  theirs.env['PORT'] = String(await freePort());
  return { stave: ours, docker: theirs };
}

function leave(world: StaveWorld): void {
  const ids = world.run('ps', '-aq').stdout.split('\n').filter(Boolean);
  if (ids.length > 0) world.run('rm', '-f', ...ids);
  world[Symbol.dispose]();
}

function stavePlayer(world: StaveWorld, mirror: string): Player {
  world.env['STAVE_NETWORK'] = '';
  const config = join(world.dir, 'stave.json');
  writeFileSync(config, JSON.stringify({ registries: { 'docker.io': { mirrors: [mirror] } } }));
  const { cwd, bin } = places(world.dir);
  symlinkSync(join(process.cwd(), 'bin/stave'), join(bin, 'stave'));
  return { cwd, env: { ...world.env, PATH: searched(bin), STAVE_CONFIG: config } };
}

/*
 * Docker's daemon here has no rules of the firewall, so nothing beyond its bridge: what fetches packages gets the network
 * of the machine.
 */
const DOCKER = `#!/bin/sh
case "$*" in
  "build "*) shift; set -- build --network=host "$@" ;;
  "image build "*) shift 2; set -- image build --network=host "$@" ;;
  "container run -ti debian bash") set -- run --network=host -ti debian bash ;;
esac
exec /usr/bin/docker "$@"
`;

function dockerPlayer(dir: string, host: string): Player {
  const { cwd, bin } = places(dir);
  writeFileSync(join(bin, 'stave'), DOCKER);
  chmodSync(join(bin, 'stave'), 0o755);
  const home = join(dir, 'home');
  return {
    cwd,
    env: { PATH: searched(bin), HOME: home, DOCKER_HOST: host, DOCKER_BUILDKIT: '1' },
  };
}

function places(dir: string): { cwd: string; bin: string } {
  const made = { cwd: join(dir, 'lab'), bin: join(dir, 'bin') };
  for (const path of Object.values(made)) mkdirSync(path);
  return made;
}

function searched(bin: string): string {
  return `${bin}:${process.env['PATH'] ?? ''}`;
}
