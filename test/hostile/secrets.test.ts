import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { busyboxContext } from '../helpers/busybox.js';
import { contextOf } from '../helpers/run-context.js';
import { staveWorld } from '../helpers/stave.js';

const KILLS = 12;

/** RELIABILITY 1E: a secret's value is in its step, and nowhere else. */
describe('secrets', () => {
  const world = staveWorld();
  const values = { file: random(), env: random() };
  const file = join(world.dir, 'given');
  const env = { ...world.env, GIVEN: values.env };
  const flags = [`--secret=id=file,src=${file}`, '--secret=id=env,env=GIVEN'];
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    writeFileSync(file, values.file, { mode: 0o600 });
  });
  after(() => {
    world[Symbol.dispose]();
  });
  const use = [
    'FROM bb',
    'RUN --mount=type=secret,id=file,target=/a/b/s --mount=type=secret,id=env,env=TOKEN cat /a/b/s && echo $TOKEN && echo "$TOKEN" | sha256sum > /sum',
    'RUN [ ! -e /a ]',
    '',
  ].join('\n');

  test('E1, E3: not on disk, in no log, whatever the build comes to', () => {
    const outcomes = ['true', 'false'].flatMap((end) =>
      ['plain', 'rawjson', 'quiet'].map((mode) => {
        const context = contextOf(world, `${use}RUN ${end} ${mode}\n`);
        const args = [
          'build',
          `--progress=${mode}`,
          '--metadata-file',
          join(context, 'meta'),
          ...flags,
          context,
        ];
        return spawnSync('bin/stave', args, { env, encoding: 'utf8' });
      }),
    );
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      [0, 0, 0, 1, 1, 1],
    );
    for (const { stdout, stderr } of outcomes) assert.deepEqual(found(stdout + stderr), []);
    assert.ok(outcomes[0]?.stderr.includes('****'));
    assertNotOnDisk();
  });

  test(`E1, E5: killed at ${String(KILLS)} moments, seen by nobody meanwhile`, async () => {
    for (let round = 0; round < KILLS; round++) {
      const context = contextOf(
        world,
        use
          .replace('&& echo $TOKEN', `&& sleep 0.2; : ${String(round)}`)
          .replace('echo "$TOKEN"', 'echo'),
      );
      const child = spawn('bin/stave', ['build', '-q', ...flags, context], {
        env,
        stdio: 'ignore',
      });
      const closed = new Promise((resolve) => child.once('exit', resolve));
      const end = performance.now() + 150 + round * 60;
      while (performance.now() < end && child.exitCode === null) {
        assert.deepEqual(seenInProcesses(), []);
        await delay(1);
      }
      child.kill('SIGKILL');
      await closed;
    }
    assertNotOnDisk();
  });

  test('E2: a tmpfs file of mode 0400; nothing of it in the layer', () => {
    const context = contextOf(
      world,
      'FROM bb AS s\nRUN --mount=type=secret,id=file,target=/a/b/s [ "$(stat -c %a:%u:%g /a/b/s)" = 400:0:0 ] && grep -q "^tmpfs /a/b/s tmpfs ro\\|/a/b/s tmpfs ro" /proc/mounts && ! echo x > /a/b/s\nFROM bb\nCOPY --from=s / /copy\nRUN [ ! -e /copy/a ]\n',
    );
    const { status, stderr } = spawnSync('bin/stave', ['build', ...flags, context], {
      env,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });

  test('E2: over 500 KiB is refused, and says so', () => {
    const large = join(world.dir, 'large');
    writeFileSync(large, Buffer.alloc((500 << 10) + 1, 'x'));
    const context = contextOf(world, 'FROM bb\nRUN --mount=type=secret,id=l true\n');
    const { status, stderr } = world.run('build', `--secret=id=l,src=${large}`, context);
    assert.equal(status, 1);
    assert.match(stderr, /secret l is larger than 500 KiB/);
    writeFileSync(large, Buffer.alloc(500 << 10, 'x'));
    world.ok('build', '-q', `--secret=id=l,src=${large}`, context);
  });

  test('E2: an id that looks like a path is only a name', () => {
    const context = contextOf(
      world,
      'FROM bb\nRUN --mount=type=secret,id=../../x ls /run/secrets > /names\n',
    );
    world.ok('build', '-q', '-t', 'id', `--secret=id=../../x,src=${file}`, context);
    assert.equal(world.ok('run', '--rm', 'id', 'cat', '/names').stdout, 'x\n');
  });

  test('E4: proxy arguments are in no history and no key', () => {
    const context = contextOf(
      world,
      'FROM bb\nRUN [ -n "$HTTP_PROXY" ] && [ "$http_proxy" = "$HTTP_PROXY" ]\n',
    );
    world.ok(
      'build',
      '-q',
      '-t',
      'proxy',
      '--build-arg=HTTP_PROXY=http://user:password@proxy',
      context,
    );
    assert.ok(!world.ok('image', 'history', '--no-trunc', 'proxy').stdout.includes('password'));
    const again = world.ok(
      'build',
      '--progress=plain',
      '--build-arg=HTTP_PROXY=http://other@proxy',
      context,
    );
    assert.match(again.stderr, /RUN .*\n#\d+ CACHED/);
  });

  function found(text: string): string[] {
    return Object.values(values).flatMap((value) =>
      forms(value).filter((form) => text.includes(form)),
    );
  }

  function assertNotOnDisk(): void {
    for (const value of Object.values(values)) {
      for (const form of forms(value)) {
        const { stdout } = spawnSync('grep', ['-rlaF', '--exclude=given', '-e', form, world.dir], {
          encoding: 'utf8',
        });
        assert.equal(stdout, '');
      }
    }
  }

  /** Only the step itself, whose variable it is, and the command that was given it, may have it. */
  function seenInProcesses(): string[] {
    return readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .map((pid) => readIf(`/proc/${pid}/cmdline`))
      .filter((text) => found(text).length > 0);
  }
});

function random(): string {
  return randomBytes(24).toString('hex');
}

/** As it is, reversed, in base64 and in hex. */
function forms(value: string): string[] {
  const bytes = Buffer.from(value);
  return [
    value,
    Buffer.from(value).reverse().toString(),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('hex'),
  ];
}

function readIf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // It ended meanwhile.
  }
}
