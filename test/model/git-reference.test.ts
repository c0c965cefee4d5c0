import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseGitReference } from '../../src/model/git-reference.js';

describe('what is a git repository, and what of it is meant (TestParseGitRef)', () => {
  for (const text of [
    'https://h.test/',
    'https://h.test/r',
    'https://h.test/r.git/',
    'https://h.test/r.git.x',
    'http://h.test/o/r.git:#branch',
    'h.test/o/r.git',
    './.git',
    '.git',
    'ftp://h.test/r.git',
  ])
    test(`${text} is none`, () => {
      assert.equal(parseGitReference(text, true), undefined);
    });

  const plain = { ref: '', subdir: '', fetchByCommit: false };
  const R = 'https://h.test/o/r.git';
  for (const [text, expected] of [
    [R, { remote: R }],
    ['https://u:p@h.test/r.git', { remote: 'https://u:p@h.test/r.git' }],
    [`${R}#deadbeef`, { remote: R, ref: 'deadbeef' }],
    [`${R}#release/1.2`, { remote: R, ref: 'release/1.2' }],
    [`${R}#a/b:c/d`, { remote: R, ref: 'a/b', subdir: 'c/d' }],
    [`${R}#:dir`, { remote: R, subdir: 'dir' }],
    [`${R}?ref=v1&subdir=/dir`, { remote: R, ref: 'v1', subdir: 'dir' }],
    [`${R}?subdir=/dir#v1`, { remote: R, ref: 'v1', subdir: 'dir' }],
    [`${R}?tag=v1`, { remote: R, ref: 'refs/tags/v1' }],
    [`${R}?branch=v1`, { remote: R, ref: 'refs/heads/v1' }],
    [`${R}?ref=v1#v1`, { remote: R, ref: 'v1' }],
    [`${R}?mtime=commit`, { remote: R, mtime: 'commit' }],
    [`${R}?mtime=checkout`, { remote: R, mtime: 'checkout' }],
    [`${R}?keep-git-dir=1&submodules=false`, { remote: R, keepGitDir: true, submodules: false }],
    [
      `${R}?fetch-by-commit&checksum=DEADBEEF#refs/heads/b`,
      { remote: R, ref: 'refs/heads/b', checksum: 'deadbeef', fetchByCommit: true },
    ],
    [`${R}?fetch-by-commit=false`, { remote: R }],
    ['git://h.test/r', { remote: 'git://h.test/r' }],
    ['ssh://git@h.test:2222/r', { remote: 'ssh://git@h.test:2222/r' }],
    ['git@h.test:o/r', { remote: 'git@h.test:o/r' }],
    ['git@h.test:r.git?subdir=/d#v1', { remote: 'git@h.test:r.git', ref: 'v1', subdir: 'd' }],
    ['github.com/o/r', { remote: 'https://github.com/o/r' }],
    ['github.com/o/r?tag=v1', { remote: 'https://github.com/o/r', ref: 'refs/tags/v1' }],
    ['github.com/o/r#main', { remote: 'https://github.com/o/r', ref: 'main' }],
  ] as const)
    test(text, () => {
      assert.deepEqual(parseGitReference(text, true), { ...plain, ...expected });
    });

  for (const [query, why] of [
    ['?ref=v1#v2', /ref conflicts/],
    ['?ref=v1&tag=v2', /ref conflicts/],
    ['?tag=v1&branch=v1', /branch conflicts with tag/],
    ['?mtime=x', /invalid mtime value/],
    ['?fetch-by-commit=x', /invalid fetch-by-commit value/],
    ['?x=1', /unexpected query "x"/],
    ['?ref=', /query "ref" has no value/],
    ['?ref=a&ref=a', /multiple values/],
    ['?checksum=xyz', /not a commit's hash/],
    ['#a..b', /not a branch, tag or commit/],
    ['#:../up', /leads out of the repository/],
  ] as const)
    test(`${query} is refused`, () => {
      assert.throws(() => parseGitReference(R + query), why);
    });

  test('the short form is for contexts alone', () => {
    assert.equal(parseGitReference('github.com/o/r'), undefined);
  });
});
