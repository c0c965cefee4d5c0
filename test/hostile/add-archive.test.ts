import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { mergedView } from '../../src/cache/merged-view.js';
import { unpackArchive } from '../../src/executor/unpack.js';
import { UpperWriter } from '../../src/executor/upper-writer.js';
import {
  dir,
  file,
  hard,
  link,
  memberBlocks,
  type Member,
  oddTar,
  pax,
} from '../helpers/odd-tar.js';

/**
 * `ADD x.tar /dest` of archives that want to write elsewhere (RELIABILITY 1B; containerd's TestBreakouts): whatever they
 * hold, nothing outside the layer changes, and what is refused is refused by name.
 */
const top = mkdtempSync(join(tmpdir(), 'stave-hostile-'));
const canary = join(top, 'canary');
const victim = join(canary, 'victim');
after(() => {
  rmSync(top, { recursive: true });
});

let count = 0;

/** Unpacks onto a base with links to the canary; answers with the layer's paths, or the refusal. */
async function add(bytes: Buffer): Promise<readonly string[] | string> {
  const home = join(top, String(count++));
  const [base, upper] = [join(home, 'base'), join(home, 'upper')];
  mkdirSync(join(base, 'etc'), { recursive: true });
  mkdirSync(upper);
  writeFileSync(join(base, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
  symlinkSync(canary, join(base, 'to-canary'));
  symlinkSync('/', join(base, 'to-root'));
  rmSync(canary, { recursive: true, force: true });
  mkdirSync(canary);
  writeFileSync(victim, 'untouched', { mode: 0o640 });
  const before = lstatSync(victim);
  const archive = join(home, 'x.tar');
  writeFileSync(archive, bytes);
  const { size, mtimeNs } = lstatSync(archive, { bigint: true });
  const facts = { mode: 0o644, uid: 0, gid: 0, size: Number(size), mtimeNs, rdev: 0 };
  const entry = { path: 'x.tar', type: 'file' as const, file: archive, ...facts };
  const writer = new UpperWriter(upper, mergedView([base]));
  const signal = AbortSignal.timeout(60_000);
  const outcome = await unpackArchive(writer, { entry, target: '', owner: undefined, signal }).then(
    (done) => (done ? treeOf(upper) : 'not an archive'),
    (error: unknown) => {
      assert.equal((error as { name: string }).name, 'BuildError', String(error));
      return (error as Error).message;
    },
  );
  assert.deepEqual(readdirSync(canary), ['victim'], 'nothing new beside the victim');
  assert.equal(readFileSync(victim, 'utf8'), 'untouched');
  const { mode, nlink, uid, mtimeMs } = lstatSync(victim);
  assert.deepEqual(
    { mode, nlink, uid, mtimeMs },
    { mode: before.mode, nlink: 1, uid: before.uid, mtimeMs: before.mtimeMs },
  );
  assert.equal(
    readFileSync(join(base, 'etc/passwd'), 'utf8').startsWith('root:'),
    true,
    'lower layers stay',
  );
  return outcome;
}

function treeOf(root: string): string[] {
  const lines = execFileSync('find', [root, '-mindepth', '1', '-printf', '%P %y %l\n'], {
    encoding: 'latin1',
  });
  return lines
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .sort();
}

const up = '../../../../../../../../../..';
const CASES: readonly (readonly [
  name: string,
  members: readonly Member[],
  expected: RegExp | readonly string[],
])[] = [
  ['B1 .. in a name', [file(`${up}${canary}/x`)], /"\.\." in its path/],
  ['B1 an absolute name', [file('/abs')], ['abs f']],
  ['B1 .. that stays inside', [file('a/../../x')], /"\.\." in its path/],
  ['B1 // and ./', [file('.//x'), file('//y')], ['x f', 'y f']],
  ['B1 a lone ..', [file('..')], /"\.\." in its path/],
  ['B2 through its own absolute link', [link('a', canary), file('a/x')], /^(?!.*canary.*f$)|./],
  ['B2 through a link up', [link('a', up), file('a/etc/x')], ['a l ' + up, 'etc d', 'etc/x f']],
  ['B2 a loop', [link('a', 'b'), link('b', 'a'), file('a/x')], /too many symbolic links/],
  [
    'B2 a link, then a directory of its name',
    [link('a', canary), dir('a/'), file('a/x')],
    ['a d', 'a/x f'],
  ],
  ['B2 through the base', [file('to-root/etc/x')], ['etc d', 'etc/x f']],
  ['B3 hard link outside', [hard('x', `${up}${victim}`), file('x')], /"\.\." in its path/],
  ['B3 hard link to an absolute path', [hard('x', victim)], /link target .* is no file/],
  [
    'B3 hard link into the base, then written',
    [hard('x', '/etc/passwd'), file('x')],
    ['etc d', 'etc/passwd f', 'x f'],
  ],
  ['B3 hard link to a directory', [dir('d/'), hard('x', 'd')], /is no file/],
  [
    'B4 two links and a hard link',
    [
      dir('a/'),
      dir('a/b/'),
      dir('a/b/c/'),
      link('a/b/c/up', '../..'),
      link('a/b/escape', 'c/up/../..'),
      hard('ex', `a/b/escape${victim}`),
    ],
    /is no file/,
  ],
  ['B5 the root is a link', [link('.', canary), file('x')], /root must be a directory/],
  ['B5 the root is a link, by another name', [link('./', canary)], /root must be a directory/],
  ['B5 the root is a file', [file('.')], /root must be a directory/],
  ['B6 a link called ..', [link('..', '/etc')], /"\.\." in its path/],
  ['B6 no name', [file('')], /root must be a directory/],
  ['B6 a slash', [file('/')], /root must be a directory/],
  ['B6 a hard link to the root', [hard('x', '')], /is no file/],
  [
    'B7 a hard link to a link gets a mode',
    [link('s', victim), { ...hard('h', 's'), mode: 0o777 }],
    ['h l ' + victim, 's l ' + victim],
  ],
  ['B8 a whiteout name', [file('.wh.etc')], /would mean a deletion/],
  ['B8 an opaque mark', [file('etc/.wh..wh..opq')], /would mean a deletion/],
  ['B9 a directory that becomes a link', [dir('a/'), link('a', canary), file('a/x')], /./],
  [
    'B9 a link that becomes a directory',
    [link('a', canary), dir('a'), file('a/y')],
    ['a d', 'a/y f'],
  ],
  [
    'B9 names are bytes',
    [dir('e\u0301/'), link('\u00e9', canary), file('e\u0301/x')],
    ['e\u0301 d', 'e\u0301/x f', '\u00e9 l ' + canary]
      .map((l) => Buffer.from(l).toString('latin1'))
      .sort(),
  ],
  [
    'B11 owner -1',
    [{ ...file('s'), mode: 0o4755, uid: Buffer.from([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]) }],
    /owner out of range/,
  ],
  [
    'B11 owner 2^32',
    [{ ...file('s'), uid: Buffer.from([0x80, 0, 0, 1, 0, 0, 0, 0]) }],
    /owner out of range/,
  ],
  [
    'B12 overlay marks',
    [
      pax({
        'SCHILY.xattr.trusted.overlay.opaque': 'y',
        'SCHILY.xattr.user.overlay.redirect': '/..',
      }),
      dir('etc/'),
    ],
    ['etc d'],
  ],
  [
    'B18 a link and a trailing slash',
    [link('a', '..'), dir('a/'), file('a//x'), file('a/./y')],
    ['a d', 'a/x f', 'a/y f'],
  ],
  ['B19 a deletion by device number', [{ name: 'etc', type: '3', device: [0, 0] }], /device 0:0/],
  ['B19 a fifo', [{ name: 'p', type: '6' }], ['p p']],
  ['B19 an unknown type', [{ name: 'q', type: 'Z' }], /unknown tar entry/],
  ['B20 the same name again', [file('a', '1'), file('a', '2'), file('a', '3')], ['a f']],
  [
    'B22 odd names',
    [file('-rf'), file(' x '), file('a\x1b[31m'), file(Buffer.from([0xff, 0xfe]))],
    ['-rf f', 'a\x1b[31m f', 'x  f', '\u00ff\u00fe f'],
  ],
];

describe('ADD of a hostile archive', () => {
  for (const [name, members, expected] of CASES) {
    test(name, async () => {
      const outcome = await add(oddTar(members));
      if (expected instanceof RegExp) assert.match(String(outcome), expected);
      else assert.deepEqual(outcome, expected);
    });
  }

  test('B14 lying pax records', async () => {
    for (const records of [
      { size: '-1' },
      { size: '9223372036854775808' },
      { path: 'a\0b' },
      { uid: '-5' },
    ]) {
      const outcome = await add(oddTar([pax(records), file('x')]));
      assert.equal(typeof outcome, 'string', JSON.stringify(records));
    }
  });

  test('B15 a header of 2 GiB is not read into memory', async () => {
    const bytes = oddTar([{ name: 'p', type: 'x', body: 'x' }]);
    bytes.write('20000000000', 124);
    bytes.write('        ', 148);
    const sum = bytes.subarray(0, 512).reduce((all, byte) => all + byte, 0);
    bytes.write(sum.toString(8).padStart(6, '0') + '\0 ', 148);
    assert.match(String(await add(bytes)), /[Hh]eader.*(max size|bytes)/);
  });

  test('B16 truncated and bombs', async () => {
    const whole = gzipSync(oddTar([file('x', 'y'.repeat(5000))]));
    assert.match(
      String(await add(whole.subarray(0, whole.length - 20))),
      /not valid gzip|not a valid tar/,
    );
    const zeros = gzipSync(
      Buffer.concat([...memberBlocks({ name: 'z', body: Buffer.alloc(300 << 20) })]),
      { level: 9 },
    );
    assert.match(String(await add(zeros)), /1000 times its size/);
  });

  test('B21 a file of the base is not written through a hard link', async () => {
    assert.deepEqual(await add(oddTar([hard('b', 'etc/passwd'), file('b', 'new')])), [
      'b f',
      'etc d',
      'etc/passwd f',
    ]);
  });
});
