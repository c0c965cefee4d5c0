import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

const world = staveWorld();
after(() => {
  world[Symbol.dispose]();
});

/** Every socket in a directory. */
function socketsBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true);
}

test('E6: the socket of an ssh agent is in its own step only, while others run beside it', async () => {
  world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  const socket = join(world.dir, 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(agent.stdout, 'data'); // It listens before it speaks.
  const context = join(world.dir, 'context');
  mkdirSync(context);
  // The two stages meet in a cache mount: the stranger looks around while the other has the socket.
  const meet = '--mount=type=cache,id=meet,target=/meet,sharing=shared';
  const look =
    'find / -xdev -type s; find /run /tmp /dev /meet -type s 2>/dev/null; env | grep SSH_';
  writeFileSync(
    join(context, 'Dockerfile'),
    `FROM bb AS holder
RUN --mount=type=ssh ${meet} stat -c '%a %u' $SSH_AUTH_SOCK > /mode && touch /meet/held && \\
    until [ -e /meet/looked ]; do usleep 1000; done
RUN { ${look}; } > /after || true
FROM bb AS stranger
RUN ${meet} until [ -e /meet/held ]; do usleep 1000; done; { ${look}; } > /seen || true; touch /meet/looked
FROM scratch
COPY --from=holder /mode /after /
COPY --from=stranger /seen /
`,
  );
  const out = join(world.dir, 'out');
  const { status, stderr } = await world.start([
    ...['build', '--progress=plain', `--ssh=default=${socket}`, '-o', out, context],
  ]);
  agent.kill('SIGKILL');
  assert.equal(status, 0, stderr);
  const read = (name: string): string => readFileSync(join(out, name), 'utf8');
  assert.equal(read('mode'), '600 0\n');
  assert.deepEqual([read('after'), read('seen')], ['', '']);
  assert.deepEqual(socketsBelow(world.root), []);
});
