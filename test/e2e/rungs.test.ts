import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import {
  BUSY_LIFE,
  exported,
  lifecycleFiles,
  quietLife,
  steady,
} from '../helpers/container-lifecycle.js';
import { lockedContainer, type LockedOptions } from '../helpers/locked-container.js';
import { ORDINARY_UID, ordinaryWorld } from '../helpers/ordinary-user.js';
import { overlayOn, storeApart } from '../helpers/overlay-store.js';
import { runProgram } from '../helpers/run-program.js';
import { type StaveWorld, staveWorld } from '../helpers/stave.js';

/** Everything an image's file can be, and no RUN. */
const WITHOUT_RUN = [
  'FROM scratch AS base',
  'COPY --chown=7:8 a /a',
  'ADD layer.tar /',
  'FROM scratch',
  'COPY --from=base / /',
  'COPY --chown=1000:1000 --chmod=0500 tree /tree',
  'WORKDIR /work',
  'COPY --link a /b/a',
  'COPY --from=base /opt /opt2',
  'USER 1000',
].join('\n');

/** Owners are root's alone; whiteouts and an opaque directory. */
const WITH_RUN = [
  'FROM bb',
  'COPY --chown=7:8 a /a',
  'COPY tree /tree',
  'RUN touch /f && chmod 4755 /f && ln /f /g && ln -s f /s && mkfifo /p && mkdir -m 1777 /t',
  'RUN rm /tree/x && rm -rf /tree/sub && mkdir /tree/sub && touch /tree/sub/new && chmod 600 /a',
  'COPY a /b/c',
  'RUN echo more >>/tree/sub/new && ln /f /h && rm /tree/l && echo file >/tree/l && mkdir -p /x/y && rm -r /b',
  'RUN --mount=type=tmpfs,target=/m/t --mount=type=bind,target=/m/b cp /m/b/tree/x /m/t && ls /m/t',
].join('\n');

const NO_OVERLAY = 'overlayfs cannot be mounted (the store is on overlayfs)';

const WITHOUT_OVERLAY = {
  root: storeApart,
  'subordinate ids': ordinaryWorld,
  'one id': () => ordinaryWorld({ subordinateIds: 0 }),
};

describe('the same image on every rung', () => {
  const dir = mkdtempSync(join(process.env['STAVE_TEST_DIR'] ?? tmpdir(), 'stave-rungs-'));
  const root = staveWorld();
  const single = ordinaryWorld({ subordinateIds: 0 });
  const contexts = { 'without-run': WITHOUT_RUN, 'with-run': WITH_RUN };
  const wanted: Record<string, string> = {};
  let quiet: readonly string[] = [];
  let busy: readonly string[] = [];
  const lives = ({ run }: Pick<StaveWorld, 'run'>, commands: readonly (readonly string[])[]) =>
    commands.map((args) => steady(run(...args)));
  before(() => {
    for (const [name, text] of Object.entries(contexts)) makeContext(join(dir, name), text);
    process.env['SOURCE_DATE_EPOCH'] = '1700000000';
    for (const world of [root, single]) {
      world.env['SOURCE_DATE_EPOCH'] = '1700000000';
      world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    }
    chmodSync(dir, 0o755);
    lifecycleFiles(root.dir);
    quiet = [...lives(root, quietLife(root.dir)), ...exported(root.dir)];
    busy = lives(root, BUSY_LIFE);
    for (const name of Object.keys(contexts))
      wanted[name] = root.ok('build', '-q', join(dir, name)).stdout;
  });
  after(() => {
    delete process.env['SOURCE_DATE_EPOCH'];
    for (const world of [root, single]) world[Symbol.dispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  for (const name of Object.keys(contexts)) {
    test(`rung 3, an ordinary user with one id: ${name}`, () => {
      assert.equal(single.ok('build', '-q', join(dir, name)).stdout, wanted[name]);
    });
  }

  test("rung 3, an ordinary user with one id: what a cache of root's says its layers hold is so", () => {
    const [context, cache] = [join(dir, 'told'), join(dir, 'cache')];
    makeContext(context, WITH_RUN);
    root.ok('build', '--cache-to', `type=local,dest=${cache},mode=max`, context);
    spawnSync('chmod', ['-R', 'a+rX', cache]);
    writeFileSync(join(context, 'Dockerfile'), WITH_RUN.replace('touch /f &&', 'touch  /f &&'));
    using fresh = ordinaryWorld({ subordinateIds: 0 });
    fresh.env['SOURCE_DATE_EPOCH'] = '1700000000';
    fresh.ok('build', '-q', '-t', 'bb', busyboxContext(fresh.dir));
    const { stderr } = fresh.ok('build', '--cache-from', `type=local,src=${cache}`, context);
    // The last step is given the context, the Dockerfile with it.
    assert.equal(stderr.match(/why: /g)?.length, 2, stderr);
    assert.equal(stderr.match(/CACHED \(same result\)/g)?.length, 3, stderr);
    assert.doesNotMatch(stderr, /broke off|warning/i);
  });

  for (const [who, make] of Object.entries(WITHOUT_OVERLAY))
    test(`rung 3, no overlay: ${who}`, () => {
      using world = make();
      using _overlay = overlayOn(dirname(world.root), who === 'root' ? 0 : ORDINARY_UID);
      world.env['SOURCE_DATE_EPOCH'] = '1700000000';
      world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
      for (const name of Object.keys(contexts)) {
        const { stderr } = world.ok('build', join(dir, name));
        assert.equal(stderr.includes(NO_OVERLAY), name === 'with-run', stderr);
        assert.equal(world.ok('build', '-q', join(dir, name)).stdout, wanted[name]);
      }
      assert.match(world.ok('doctor').stdout, /^> 3 {2}no overlay +here: /m);
      world.env['STAVE_NETWORK'] = 'host';
      lifecycleFiles(world.dir);
      if (who === 'subordinate ids') return void world.ok('run', '--rm', 'bb', 'true');
      const said = [...lives(world, quietLife(world.dir)), ...exported(world.dir)];
      assert.deepEqual(said, quiet);
      assert.deepEqual(lives(world, BUSY_LIFE), busy);
    });

  test('rung 3: what needs other ids is refused by name, with the remedy', () => {
    const context = join(dir, 'ids');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nUSER 1000\nRUN true\n');
    assert.match(
      single.run('build', context).stderr,
      /user 1000:0 cannot be had.*\n[^]*hint: .*usermod --add-subuids/,
    );
    writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nRUN touch /f && chown 1000 /f\n');
    assert.match(
      single.run('build', context).stderr,
      /no file can be given another owner.*usermod --add-subuids/,
    );
  });

  for (const capabilities of ['docker', 'default'] as const) {
    test(`rung 4, chroot, capabilities: ${capabilities}`, () => {
      const world = mkdtempSync(join(dir, 'chroot-'));
      for (const context of Object.keys(contexts))
        spawnSync('cp', ['-a', join(dir, context), world]);
      busyboxContext(world);
      const stave = lockedContainer(world, { user: 'root', seccomp: 'docker', capabilities });
      const base = stave('build', '-t', 'bb', '/world/busybox-context');
      assert.match(base.stderr, /RUN works in a chroot here: unshare\(2\) is refused/);
      for (const context of Object.keys(contexts)) {
        const built = stave('build', '-q', `/world/${context}`);
        assert.equal(built.stdout, wanted[context], built.stderr);
      }
      lifecycleFiles(world);
      assert.deepEqual([...inOne(stave, world, quietLife('/world')), ...exported(world)], quiet);
    });
  }

  /** What commands say, all of them in one container. */
  function inOne(
    stave: ReturnType<typeof lockedContainer>,
    world: string,
    commands: readonly (readonly string[])[],
  ): string[] {
    const lines = commands.map((args, i) => {
      const words = args.map((word) => `'${word}'`).join(' ');
      return `/checkout/bin/stave ${words} >/world/out${String(i)} 2>/world/err${String(i)}; echo $?`;
    });
    const statuses = stave('sh', '-c', lines.join('\n')).stdout.trim().split('\n');
    return commands.map((_, i) => {
      const read = (name: string): string => readFileSync(join(world, name + String(i)), 'utf8');
      const status = Number(statuses[i]);
      return steady({ status, stdout: read('out'), stderr: read('err') });
    });
  }

  test('rung 4, shared /proc: an ordinary user in a container that masks parts of it', () => {
    const world = mkdtempSync(join(dir, 'masked-'));
    for (const context of Object.keys(contexts)) spawnSync('cp', ['-a', join(dir, context), world]);
    busyboxContext(world);
    const options = { user: 'ordinary', seccomp: 'podman', capabilities: 'default' } as const;
    const stave = lockedContainer(world, options);
    const ready = stave('build', '-t', 'bb', '/world/busybox-context');
    assert.match(ready.stderr, /RUN works in a chroot here: mount\(2\) of \/proc is refused/);
    for (const context of Object.keys(contexts)) {
      const built = stave('build', '-q', `/world/${context}`);
      assert.equal(built.stdout, wanted[context], built.stderr);
    }
    const lines = [
      'FROM bb',
      'RUN test -r /proc/self/status && echo x >/dev/null && test -d /sys/kernel && ls /dev/pts/ptmx',
      'RUN ls /proc/1/root/ || mount -t tmpfs x /mnt || chroot / true || mknod /x b 8 0 || echo confined',
      'RUN (sleep 7654 &); setsid sleep 7654 & touch /dev/shm/x /dev/y && kill -9 $$',
    ];
    writeFileSync(join(world, 'Dockerfile'), `${lines.join('\n')}\n`);
    const script = [
      'left() { pgrep -fc "^sleep 765$1"; }; PATH=$PATH:/checkout/bin; exec 2>&1',
      'stave build --progress=plain /world; left 4',
      `stave run -d --name left bb sh -c '(setsid sleep 7655 &); exec sleep 7655' >/dev/null`,
      'until [ "$(left 5)" = 2 ]; do :; done; stave rm -f left; left 5',
    ];
    const { stdout } = stave('sh', '-c', script.join('\n'));
    assert.match(stdout, /^#\d+ [\d.]+ confined$/m);
    assert.match(stdout, /exit code: 137[^]*\n0\n(WARNING: .*\n)*left\n0\n$/);
    const report = JSON.parse(stave('doctor', '--format=json').stdout) as Record<string, unknown>;
    assert.deepEqual([report['rung'], report['runs'], report['containers']], [4, true, true]);
    lifecycleFiles(world);
    const mayWrite = (_: unknown, i: number): boolean => !BUSY_LIFE[i]?.includes('--read-only');
    const commands = [...quietLife('/world'), ...BUSY_LIFE.filter(mayWrite)];
    const told = inOne(stave, world, [...commands, ['run', '--read-only', 'bb', 'true']]);
    assert.match(told.pop() ?? '', /--read-only cannot be had in a chroot: mount\(2\) of \/proc/);
    const cut = quietLife('/world').length;
    assert.deepEqual([...told.slice(0, cut), ...exported(world)], quiet);
    // Not the first of its PID namespace, it ends by the signal.
    const ended = told.slice(cut).map((text) => text.replace('(143)', '(137)'));
    assert.deepEqual(ended, busy.filter(mayWrite));
  });

  const locked: readonly LockedOptions[] = [
    { user: 'root', seccomp: 'podman', capabilities: 'none' },
    { user: 'ordinary', seccomp: 'docker', capabilities: 'none' },
  ];
  for (const options of locked) {
    const name = Object.values(options).join(', ');
    test(`rung 4, a container without privileges (user, seccomp, capabilities: ${name})`, () => {
      const world = mkdtempSync(join(dir, 'locked-'));
      for (const context of Object.keys(contexts))
        spawnSync('cp', ['-a', join(dir, context), world]);
      const stave = lockedContainer(world, options);
      const built = stave('build', '-q', '/world/without-run');
      assert.equal(built.stdout, wanted['without-run'], built.stderr);
      writeFileSync(join(world, 'with-run/Dockerfile'), 'FROM scratch\nCOPY a /\nRUN ["/a"]\n');
      const refused = stave('build', '/world/with-run');
      assert.equal(refused.status, 1);
      assert.match(refused.stderr, /RUN cannot work here: .*\n[^]*hint: .*--privileged/);
    });
  }
});

function makeContext(at: string, dockerfile: string): void {
  mkdirSync(join(at, 'tree/sub'), { recursive: true });
  writeFileSync(join(at, 'Dockerfile'), `${dockerfile}\n`);
  for (const name of ['a', 'tree/x', 'tree/sub/y']) writeFileSync(join(at, name), name);
  symlinkSync('x', join(at, 'tree/l'));
  chmodSync(join(at, 'tree/x'), 0o640);
  archive(at);
  runProgram('chown', '-R', '4242', at);
}

/** An archive with owners, devices, a pipe, a link of another user's, set-id bits, and what nobody may read or write. */
function archive(at: string): void {
  const layer = join(at, 'layer');
  for (const name of ['opt', 'dev', 'closed']) mkdirSync(join(layer, name), { recursive: true });
  writeFileSync(join(layer, 'opt/f'), 'f');
  symlinkSync('f', join(layer, 'opt/l'));
  lchownSync(join(layer, 'opt/l'), 5, 6);
  lchownSync(join(layer, 'opt/f'), 1000, 2000);
  chmodSync(join(layer, 'opt/f'), 0o4711);
  runProgram('mknod', join(layer, 'dev/null'), 'c', '1', '3');
  runProgram('mknod', join(layer, 'dev/disk'), 'b', '8', '0');
  runProgram('mkfifo', join(layer, 'pipe'));
  lchownSync(join(layer, 'pipe'), 7, 8);
  writeFileSync(join(layer, 'closed/f'), 'nobody reads this', { mode: 0 });
  chmodSync(join(layer, 'closed'), 0o555);
  runProgram('tar', '-C', layer, '-cf', join(at, 'layer.tar'), '.');
  rmSync(layer, { recursive: true });
}
