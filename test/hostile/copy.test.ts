import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openContext } from '../../src/executor/build-context.js';
import { copyContent } from '../../src/executor/copy-content.js';
import { compileIgnore } from '../../src/executor/match.js';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

/** RELIABILITY C1, C2, C4, C13, C14, C15: what a context or a stage may hold, and what COPY must not do with it. */
describe('COPY of hostile trees', () => {
  const world = staveWorld();
  const canary = join(world.dir, 'canary');
  const SECRET = 'the bytes of the victim';
  let count = 0;
  const contextOf = (dockerfile: string, make: (dir: string) => void): string => {
    const dir = join(world.dir, `context-${String(count++)}`);
    mkdirSync(dir);
    make(dir);
    writeFileSync(join(dir, 'Dockerfile'), dockerfile);
    return dir;
  };
  const build = (dockerfile: string, make: (dir: string) => void) => {
    const tar = join(world.dir, 'out.tar');
    writeFileSync(tar, '');
    const outcome = world.run('build', '-o', `type=tar,dest=${tar}`, contextOf(dockerfile, make));
    const bytes = readFileSync(tar);
    assert.equal(bytes.includes(SECRET), false, 'the victim is in the image');
    return { ...outcome, bytes };
  };
  before(() => {
    mkdirSync(canary);
    writeFileSync(join(canary, 'victim'), SECRET);
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    world[Symbol.dispose]();
  });

  test('C1 links in the context lead inside it (testLocalSymlinkEscape)', () => {
    const links = (dir: string): void => {
      symlinkSync(join(canary, 'victim'), join(dir, 'v'));
      symlinkSync(canary, join(dir, 'd'));
    };
    for (const copy of ['COPY v /', 'COPY d /', 'COPY d/victim /', 'COPY * /', 'ADD v /']) {
      const { status, stderr } = build(`FROM scratch\n${copy}\n`, links);
      assert.equal(status, 1, copy);
      assert.match(stderr, /not in the build context/, copy);
    }
    assert.equal(build('FROM scratch\nCOPY . /\n', links).status, 0);
  });

  test('C2 links of a stage lead inside it, as source and as destination', () => {
    const { status, stderr } = build(
      `FROM bb AS a\nRUN ln -s ${canary} /s; ln -s / /r\nFROM bb\nCOPY --from=a /s/victim /\n`,
      () => undefined,
    );
    assert.equal(status, 1);
    assert.match(stderr, /not found in the stage/);
    const make = (dir: string): void => {
      writeFileSync(join(dir, 'f'), 'x');
    };
    const to = build(`FROM bb\nRUN ln -s ${canary} /t\nCOPY f /t/\nADD f /t/victim\n`, make);
    assert.equal(to.status, 0, to.stderr);
    assert.equal(readFileSync(join(canary, 'victim'), 'utf8'), SECRET);
    assert.equal(
      to.bytes.includes(`${canary.slice(1)}/f`),
      true,
      'it is at that path of the image',
    );
  });

  test('C4 no way around the ignore file', () => {
    const make = (dir: string): void => {
      mkdirSync(join(dir, 'x'));
      writeFileSync(join(dir, 'secret'), SECRET);
      writeFileSync(join(dir, 'x/secret'), SECRET);
      symlinkSync('secret', join(dir, 's'));
      writeFileSync(join(dir, '.dockerignore'), '\ufeff**/secret\r\n');
    };
    const copies = [
      '. /',
      'se* /',
      './x/../secret /',
      '/secret /',
      's /',
      'x /',
      '--parents x/secret /',
    ];
    for (const copy of copies) build(`FROM bb\nCOPY ${copy}\n`, make);
    build('FROM bb\nADD x/./secret //secret /d/\n', make);
  });

  test('C14 fifos are not waited for', { timeout: 60_000 }, () => {
    const { status, stderr } = build('FROM bb\nCOPY . /f/\nADD a /g/\n', (dir) => {
      for (const name of ['a', 'b', 'c', 'd', 'e']) spawnSync('mkfifo', [join(dir, name)]);
    });
    assert.equal(status, 0, stderr);
  });

  test('C13 a file that is not what it was is refused', () => {
    const dir = contextOf('', () => undefined);
    const changes: Record<string, (path: string) => void> = {
      grown: (path) => {
        writeFileSync(path, 'more', { flag: 'a' });
      },
      cut: (path) => {
        truncateSync(path, 1);
      },
      linked: (path) => {
        spawnSync('ln', ['-sf', join(canary, 'victim'), path]);
      },
      fifo: (path) => {
        spawnSync('sh', ['-c', 'rm "$0" && mkfifo "$0"', path]);
      },
      directory: (path) => {
        spawnSync('sh', ['-c', 'rm "$0" && mkdir "$0"', path]);
      },
      gone: (path) => {
        spawnSync('rm', [path]);
      },
    };
    for (const [name, change] of Object.entries(changes)) {
      for (const size of [0, 100, 300_000]) {
        const path = join(dir, `${name}-${String(size)}`);
        writeFileSync(path, 'x'.repeat(size));
        const ignore = compileIgnore('', 'none');
        const statCacheFile = join(world.dir, 'stats');
        const context = openContext({ dir, ignore, statCacheFile, now: 0n });
        const entry = context.entry(`${name}-${String(size)}`);
        assert.ok(entry !== undefined);
        change(path);
        if (name === 'cut' && size === 0) continue; // It grew.
        const access = { owner: { uid: 0, gid: 0 }, mode: 0o600 };
        assert.throws(
          () => {
            const to = join(world.dir, `copy-${name}-${String(size)}`);
            copyContent(entry, { to, access, mtimeNs: 0n });
          },
          /changed during the build/,
          `${name} ${String(size)}`,
        );
      }
    }
  });

  test('C15 a sparse file stays sparse', () => {
    const dir = contextOf('FROM scratch\nCOPY sparse /\n', (at) => {
      writeFileSync(join(at, 'sparse'), 'head');
      truncateSync(join(at, 'sparse'), 256 << 20);
    });
    world.ok('build', '-q', dir);
    const found = execFileSync('find', [join(world.root, 'trees'), '-name', 'sparse'], {
      encoding: 'utf8',
    });
    const { size, blocks } = statSync(found.trim());
    assert.equal(size, 256 << 20);
    assert.ok(blocks * 512 < 1 << 20, String(blocks));
  });
});
