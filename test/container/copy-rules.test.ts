import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  assertsDirectory,
  cleanPath,
  copiedName,
  placeCopy,
  splitCopyArgument,
} from '../../src/container/copy-rules.js';

const FILE = { isDirectory: false, base: 'f' };
const DIRECTORY = { isDirectory: true, base: 'd' };
const CONTENT = { isDirectory: true, base: '' };
const NOTHING = { path: '/to/x', exists: false, isDirectory: false, asserted: false };
const ASSERTED = { ...NOTHING, asserted: true };
const OLD_FILE = { ...NOTHING, exists: true };
const OLD_DIRECTORY = { ...OLD_FILE, isDirectory: true };

// The matrix of docker's documentation: source down, destination across.
const PLACES = [
  [FILE, NOTHING, '/to', 'x'],
  [FILE, OLD_FILE, '/to', 'x'],
  [FILE, OLD_DIRECTORY, '/to/x', 'f'],
  [DIRECTORY, NOTHING, '/to', 'x'],
  [DIRECTORY, ASSERTED, '/to', 'x'],
  [DIRECTORY, OLD_DIRECTORY, '/to/x', 'd'],
  [CONTENT, NOTHING, '/to', 'x'],
  [CONTENT, OLD_DIRECTORY, '/to/x', ''],
] as const;

test('where a copy goes', () => {
  for (const [source, target, directory, as] of PLACES)
    assert.deepEqual(placeCopy(source, target), { directory, as });
  assert.throws(() => placeCopy(FILE, ASSERTED), { message: 'no such directory' });
  assert.throws(() => placeCopy(DIRECTORY, OLD_FILE), { message: 'cannot copy directory' });
  assert.throws(() => placeCopy(CONTENT, OLD_FILE), { message: 'cannot copy directory' });
});

test('CONTAINER:PATH, and paths of ours with a colon', () => {
  assert.deepEqual(splitCopyArgument('c:/a:b'), { container: 'c', path: '/a:b' });
  assert.deepEqual(splitCopyArgument('c:'), { container: 'c', path: '' });
  for (const path of ['./a:b', '/a:b', 'a', '-', '../a:b'])
    assert.deepEqual(splitCopyArgument(path), { path });
});

test('paths that say they are directories, the names that stay, clean paths', () => {
  for (const path of ['a/', 'a/.', '.', '/', '']) assert.ok(assertsDirectory(path), path);
  for (const path of ['a', 'a.', 'a/..', '/a/b']) assert.ok(!assertsDirectory(path), path);
  for (const [path, name] of [
    ['/a/b', 'b'],
    ['/a/b/', 'b'],
    ['/a/b/.', ''],
    ['.', ''],
    ['/', ''],
  ] as const)
    assert.equal(copiedName(path), name, path);
  for (const [path, clean] of [
    ['a/b/', '/a/b'],
    ['/../../a', '/a'],
    ['.', '/'],
    ['', '/'],
    ['a/../b/.', '/b'],
  ] as const)
    assert.equal(cleanPath(path), clean, path);
});
