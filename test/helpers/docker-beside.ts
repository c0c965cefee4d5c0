import { after, before } from 'node:test';
import { busyboxContext } from './busybox.js';
import { dockerPeer, type Peer } from './peers.js';
import type { StaveWorld } from './stave.js';

/**
 * A docker of a world's own, with the image `bb` in both, for the suite that calls this. At its end the world's containers
 * are removed, and both go.
 */
export function dockerBeside(
  world: StaveWorld,
): Pick<Peer, 'run'> & { readonly host: () => string } {
  let docker: (Peer & { readonly host: string }) | undefined;
  before(async () => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    docker = await dockerPeer(world.dir);
    docker.run('build', '--network=host', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(async () => {
    for (const id of world.ok('ps', '-aq').stdout.split('\n').filter(Boolean))
      world.run('rm', '-f', id);
    await docker?.[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });
  const started = () => {
    if (docker === undefined) throw new Error('docker is started before the first test');
    return docker;
  };
  return { run: (...args) => started().run(...args), host: () => started().host };
}
