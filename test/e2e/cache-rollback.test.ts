import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { mountOf, treeLines } from '../helpers/cache-mount.js';
import { contextOf } from '../helpers/run-context.js';
import { overlaidWorld } from '../helpers/overlay-store.js';
import { staveWorld } from '../helpers/stave.js';

const WORLDS = { 'an overlay of the mount': staveWorld, 'no overlay, a copy': overlaidWorld };
for (const [how, makeWorld] of Object.entries(WORLDS))
  describe(`what a failed step wrote to a cache mount is taken back: ${how}`, () => {
    const world = makeWorld();
    before(() => {
      world.ok('build', '-q', '-t', 'base', busyboxContext(world.dir));
    });
    after(() => {
      world[Symbol.dispose]();
    });
    const step = (id: string, command: string, more = ''): string =>
      contextOf(world, `FROM base\nRUN --mount=type=cache,id=${id},target=/c${more} ${command}\n`);
    const FILL =
      'cd /c && mkdir -p kept gone deep/er other && echo old > kept/f && echo old > gone/f && echo old > deep/er/f && echo old > f && echo old > other/f && ln -s f link && chmod 750 kept';
    const CHANGE =
      'cd /c && echo new > kept/f && rm -r gone && rm deep/er/f && echo new > deep/er/g && rm f link && mkdir f && echo new > f/x && echo new > link && rm -r other && mkdir other && echo new > other/g && chmod 700 kept && mkdir added && echo new > added/f && touch -d 2001-01-01 kept';
    const build = (context: string, ...args: string[]) =>
      world.run('build', '--progress=plain', '--no-cache', ...args, context);

    /** Sends the signal once the step says that it changed all. */
    const interrupted = async (args: string[], signal: NodeJS.Signals): Promise<unknown> => {
      const child = spawn('bin/stave', args, {
        env: world.env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const ended = new Promise((resolve) => child.once('close', resolve));
      let said = '';
      child.stderr.on('data', (text: Buffer) => {
        said += text.toString();
        if (/^#\d+ [\d.]+ changed$/m.test(said)) child.kill(signal);
      });
      return await ended;
    };

    for (const sharing of how.startsWith('no') ? ['locked'] : ['locked', 'shared', 'private'])
      test(`sharing=${sharing}: a step that fails leaves the mount as it was, one that succeeds changes it`, () => {
        const id = `back-${sharing}`;
        const more = `,sharing=${sharing}`;
        assert.equal(build(step(id, FILL, more)).status, 0);
        const old = treeLines(mountOf(world, id));
        const failed = build(step(id, `${CHANGE} && false`, more), `--cache-mount-rollback=${id}`);
        assert.equal(failed.status, 1);
        assert.match(failed.stderr, /did not complete successfully: exit code: 1/);
        assert.deepEqual(treeLines(mountOf(world, id)), old);
        // The same by a step that writes straight to its mount is what must come out.
        assert.equal(build(step(`plain-${id}`, FILL, more)).status, 0);
        assert.equal(build(step(`plain-${id}`, CHANGE, more)).status, 0);
        const done = build(step(id, CHANGE, more), '--cache-mount-rollback=all');
        assert.equal(done.status, 0, done.stderr);
        const plainly = treeLines(mountOf(world, `plain-${id}`)).map(withoutTime);
        assert.deepEqual(treeLines(mountOf(world, id)).map(withoutTime), plainly);
        assert.match(treeLines(mountOf(world, id)).join('\n'), /"path":"kept",[^\n]*"mtime":"9783/);
        assert.deepEqual(readdirSync(join(mountOf(world, id), '..')).sort(), [
          'fs',
          'lock',
          'meta.json',
        ]);
      });

    test('a build that is killed while the step runs leaves the mount as it was', async () => {
      assert.equal(build(step('killed', FILL)).status, 0);
      const mount = mountOf(world, 'killed');
      const old = treeLines(mount);
      const context = step('killed', `${CHANGE} && echo changed && sleep 1000`);
      const args = ['build', '--progress=plain', '--cache-mount-rollback=killed', context];
      await interrupted(args, 'SIGKILL');
      assert.deepEqual(treeLines(mount), old);
      const next = build(step('killed', 'cat /c/f /c/gone/f'), '--cache-mount-rollback=killed');
      assert.equal(next.status, 0, next.stderr);
    });

    test('a build that is cancelled leaves the mount as it was', async () => {
      assert.equal(build(step('stopped', FILL)).status, 0);
      const mount = mountOf(world, 'stopped');
      const old = treeLines(mount);
      const context = step('stopped', `${CHANGE} && echo changed && sleep 1000`);
      const args = ['build', '--progress=plain', '--cache-mount-rollback=all', context];
      assert.equal(await interrupted(args, 'SIGTERM'), 130);
      assert.deepEqual(treeLines(mount), old);
    });

    test('an id that no step has is refused before anything runs; without the flag all stays', () => {
      const { status, stderr } = build(step('named', 'true'), '--cache-mount-rollback=nmaed');
      assert.equal(status, 1);
      assert.match(stderr, /--cache-mount-rollback "nmaed": no step has this cache mount/);
      assert.match(stderr, /hint: did you mean named\?/);
      assert.equal(existsSync(join(world.root, 'mounts')), true);
      assert.equal(build(step('named', 'echo half > /c/f && false')).status, 1);
      assert.equal(readFileSync(join(mountOf(world, 'named'), 'f'), 'utf8'), 'half\n');
    });
  });

function withoutTime(line: string): string {
  return line.replace(/"mtime":"\d+",?/, '');
}
