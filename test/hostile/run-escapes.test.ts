import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { config, dockerTar, tarOf } from '../helpers/archives.js';
import { busyboxContext } from '../helpers/busybox.js';
import { plantCanary } from '../helpers/canary.js';
import { contextOf } from '../helpers/run-context.js';
import { runProgram } from '../helpers/run-program.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

/** What a layer above is to remove, or not. */
const BELOW = (dir: string): Buffer =>
  tarOf(
    { name: 'a/', type: 'directory' },
    { name: 'a/b', body: 'own' },
    { name: 'out', type: 'symlink', link: dir },
    { name: 'file', type: 'symlink', link: `${dir}/victim` },
  );

/** RELIABILITY A2, A20, A26 and A38 for containers. */
for (const runtime of ['crun', 'runc'])
  describe(`containers that try to get out (${runtime})`, () => {
    const world = staveWorld();
    const canary = plantCanary();
    const { dir } = canary;
    const untouched = canary.tree();
    before(() => {
      world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    });
    after(() => {
      world[Symbol.dispose]();
      canary[Symbol.dispose]();
    });
    afterEach(() => {
      assert.deepEqual(canary.tree(), untouched);
    });

    const checked = (outcome: Outcome): Outcome => {
      assert.ok(!`${outcome.stdout}${outcome.stderr}`.includes(canary.bytes.trim()));
      assert.doesNotMatch(outcome.stderr, /^\s+at .*:\d+:\d+/m);
      return outcome;
    };
    const run = (...args: string[]): Outcome =>
      checked(world.run('run', `--runtime=${runtime}`, ...args));
    const build = (
      tag: string,
      lines: string,
      files: Readonly<Record<string, string>> = {},
    ): string => {
      world.ok('build', '-q', '-t', tag, contextOf(world, lines, files));
      return tag;
    };

    const LEADS = [
      ...[3, 7, 8].map((fd) => `/proc/self/fd/${String(fd)}`),
      ...['/proc/self/fd', '/proc/1/cwd', '/proc/self/cwd'],
    ];

    test('A2: run with a working directory that a link of the image leads to', () => {
      const links = LEADS.map((lead, i) => `ln -s ${lead} /w${String(i)}`);
      const tag = build('links', `FROM bb\nRUN ${links.join(' && ')}\n`);
      for (const [i, lead] of LEADS.entries())
        for (const path of [`/w${String(i)}`, `/w${String(i)}/x`]) {
          const { status, stderr } = run(
            '--rm',
            '-w',
            path,
            tag,
            'cat',
            `../../../..${dir}/victim`,
          );
          assert.notEqual(status, 0, lead);
          if (!lead.endsWith('/fd')) assert.equal(status, 125, `${lead}: ${stderr}`);
        }
    });

    test('A2: exec with a working directory that a link of the container leads to', () => {
      run('-d', '--name', 'links', 'bb', 'sleep', '1000');
      for (const [i, lead] of LEADS.entries()) {
        world.ok('exec', 'links', 'ln', '-s', lead, `/w${String(i)}`);
        for (const path of [`/w${String(i)}`, `/w${String(i)}/..`]) {
          const args = ['exec', '-w', path, 'links', 'cat', `../../../..${dir}/victim`];
          assert.notEqual(checked(world.run(...args)).status, 0, `${path} ${lead}`);
        }
      }
      world.ok('rm', '-f', 'links');
    });

    for (const [what, names] of [
      ['in a directory that is a link', ['out/.wh.victim', 'out/e/.wh.f', 'out/.wh..wh..opq']],
      [
        'with parents in its name',
        [`../../../..${dir}/.wh.victim`, `a/../../../../..${dir}/.wh.victim`],
      ],
      ['of nothing, of here, of above', ['.wh.', '.wh..', '.wh...', 'a/.wh...', 'out/.wh...']],
      ['of what is a link', ['.wh.out', '.wh.file']],
    ] as const)
      for (const name of names)
        test(`A20: a whiteout ${what}: ${name.replaceAll(dir, 'CANARY')}`, () => {
          const layers = [BELOW(dir), tarOf({ name })];
          const archive = join(world.dir, 'whiteout.tar');
          const parts = layers.map((body, i) => ({ name: `${String(i)}/layer.tar`, body }));
          const list = { layers: parts.map((part) => part.name), tags: ['whiteout:latest'] };
          writeFileSync(archive, dockerTar({ ...list, config: config(...layers), files: parts }));
          const loaded = checked(world.run('load', '-i', archive));
          if (loaded.status !== 0) assert.match(loaded.stderr, /^ERROR: /);
          const tag = [
            'build',
            '-q',
            '-t',
            'bared',
            contextOf(world, 'FROM whiteout\nCOPY --from=bb /bin /bin\n'),
          ];
          if (checked(world.run(...tag)).status === 0)
            run('--rm', 'bared', 'ls', '-l', '/', '/a', '/out/');
          checked(world.run('rmi', '-f', 'whiteout'));
        });

    test('A20: what is removed with a container, a volume or an image is the link, never where it leads', () => {
      const links = `ln -s ${dir} /d; ln -s ${dir}/victim /f; mkdir /e; ln -s ../../../../../..${dir} /e/up; ln -s ${dir} /data/d; ln -s ${dir}/victim /data/f`;
      for (const how of [['--rm'], ['--name', 'linked']]) {
        assert.equal(run(...how, '-v', '/data', 'bb', 'sh', '-c', links).status, 0);
        run(
          ...how.map((word) => word.replace('linked', 'stubs')),
          `--tmpfs=${dir}`,
          '-v',
          `${dir}/x`,
          'bb',
          'sh',
          '-c',
          `rm -rf ${dir}; ln -s / ${dir}`,
        );
      }
      world.ok('commit', 'linked', 'links-in');
      world.ok('rm', '-v', 'linked', 'stubs');
      run('--name', 'unlinks', 'links-in', 'rm', '-rf', '/d', '/f', '/e/up');
      world.ok('commit', 'unlinks', 'links-out');
      assert.equal(run('--rm', 'links-out', 'ls', '-A', '/e').stdout, '');
      world.ok('rm', '-v', 'unlinks');
      world.ok('rmi', 'links-in', 'links-out');
    });

    test('A20: COPY --link over a link', () => {
      const base = `FROM bb AS base\nRUN ln -s ${dir} /d && ln -s ${dir}/victim /f\nFROM base\n`;
      const tag = build(
        'over',
        `${base}COPY --link a /d/victim\nCOPY --link a /f\nCOPY --link a /d/e/\n`,
        { a: 'own' },
      );
      assert.equal(run('--rm', tag, 'cat', '/f').stdout, 'own');
    });

    test('A26: an inheritable capability of a file is no capability of a user', () => {
      const context = contextOf(world, 'FROM bb\nADD capped.tar /\n');
      for (const [name, caps] of [
        ['inherits', 'cap_net_raw+i'],
        ['has', 'cap_net_raw+ep'],
      ] as const) {
        mkdirSync(join(context, 'tree', name), { recursive: true });
        const program = join(context, 'tree', name, 'grep');
        copyFileSync('/bin/busybox', program);
        runProgram('chmod', '755', program);
        runProgram('setcap', caps, program);
      }
      const tar = ['--xattrs', '--xattrs-include=security.capability', '-C', join(context, 'tree')];
      runProgram('tar', ...tar, '-cf', join(context, 'capped.tar'), 'inherits', 'has');
      runProgram('rm', '-r', join(context, 'tree'));
      world.ok('build', '-q', '-t', 'capped', context);
      const caps = (...args: string[]): string =>
        run('--rm', ...args, '^Cap', '/proc/self/status').stdout.replace(
          /Cap(\w+):\s*(\w+)\n/g,
          '$1=$2 ',
        );
      const none = '0000000000000000';
      const bound = 'Bnd=00000000a80425fb';
      for (const user of ['1000', '1000:0'])
        assert.equal(
          caps('-u', user, 'capped', '/inherits/grep'),
          `Inh=${none} Prm=${none} Eff=${none} ${bound} Amb=${none} `,
        );
      // The attribute came along, and is what it is to the kernel.
      const raw = '0000000000002000';
      assert.equal(
        caps('-u', '1000', 'capped', '/has/grep'),
        `Inh=${none} Prm=${raw} Eff=${raw} ${bound} Amb=${none} `,
      );
      assert.match(caps('capped', '/inherits/grep'), /^Inh=0{16} .*Amb=0{16} $/);
      const strict = ['--security-opt=no-new-privileges', '-u', '1000', 'capped', '/has/grep'];
      assert.match(caps(...strict), new RegExp(`Eff=${none}`));
    });

    test('A38: export while the container exchanges files and directories for links', async () => {
      const swap = `mkdir -p /a/b; echo own > /a/victim; echo own > /v; while :; do mv /a /old; ln -s ${dir} /a; rm /v; ln -s ${dir}/victim /v; rm /a; mv /old /a; rm /v; echo own > /v; done`;
      run('-d', '--name', 'swapper', 'bb', 'sh', '-c', swap);
      for (let i = 0; i < 4; i++) {
        const { status, stdout } = checked(await world.start(['export', 'swapper']));
        // What went while it was read is said; what is there is whole.
        if (status === 0) assert.match(stdout, /bin\/busybox/);
      }
      world.ok('rm', '-f', 'swapper');
    });
  });
