import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileGlob } from '../../src/executor/glob.js';
import { compileIgnore, compileWildcard, hasWildcard } from '../../src/executor/match.js';

/** Of Go's path/filepath match_test.go: pattern, name, whether it matches; undefined for a bad pattern. */
const GO: readonly (readonly [string, string, boolean | undefined])[] = [
  ['abc', 'abc', true],
  ['*', 'abc', true],
  ['*c', 'abc', true],
  ['a*', 'a', true],
  ['a*', 'abc', true],
  ['a*', 'ab/c', false],
  ['a*/b', 'abc/b', true],
  ['a*/b', 'a/c/b', false],
  ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
  ['a*b*c*d*e*/f', 'axbxcxdxexxx/f', true],
  ['a*b*c*d*e*/f', 'axbxcxdxe/xxx/f', false],
  ['a*b*c*d*e*/f', 'axbxcxdxexxx/fff', false],
  ['a*b?c*x', 'abxbbxdbxebxczzx', true],
  ['a*b?c*x', 'abxbbxdbxebxczzy', false],
  ['ab[c]', 'abc', true],
  ['ab[b-d]', 'abc', true],
  ['ab[e-g]', 'abc', false],
  ['ab[^c]', 'abc', false],
  ['ab[^b-d]', 'abc', false],
  ['ab[^e-g]', 'abc', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'ab', false],
  ['a?b', 'a☺b', true],
  ['a[^a]b', 'a☺b', true],
  ['a???b', 'a☺b', false],
  ['a[^a][^a][^a]b', 'a☺b', false],
  ['[a-ζ]*', 'α', true],
  ['*[a-ζ]', 'A', false],
  ['a?b', 'a/b', false],
  ['a*b', 'a/b', false],
  ['[\\]a]', ']', true],
  ['[\\-]', '-', true],
  ['[x\\-]', 'x', true],
  ['[x\\-]', '-', true],
  ['[x\\-]', 'z', false],
  ['[\\-x]', 'x', true],
  ['[\\-x]', '-', true],
  ['[\\-x]', 'a', false],
  ['[]a]', ']', undefined],
  ['[-]', '-', undefined],
  ['[x-]', 'x', undefined],
  ['[x-]', '-', undefined],
  ['[-x]', 'x', undefined],
  ['\\', 'a', undefined],
  ['[a-b-c]', 'a', undefined],
  ['[', 'a', undefined],
  ['[^', 'a', undefined],
  ['[^bc', 'a', undefined],
  ['a[', 'a', undefined],
  ['a[', 'ab', undefined],
  ['a[', 'x', undefined],
  ['a/b[', 'x', undefined],
  ['*x', 'xxx', true],
  ['[!a]', '!', true],
  ['[😀-😂]', '😁', true],
  ['{a,b}', '{a,b}', true],
  ['+(a)', '+(a)', true],
];

test('wildcards are those of filepath.Match', () => {
  for (const [pattern, name, expected] of GO) {
    const bytes = Buffer.from(name).toString('latin1');
    const compile = () => compileWildcard(Buffer.from(pattern).toString('latin1'))(bytes);
    if (expected === undefined) assert.throws(compile, SyntaxError, pattern);
    else assert.equal(compile(), expected, `${pattern} on ${name}`);
  }
});

/** Of moby/patternmatcher's patternmatcher_test.go: lines of the ignore file, path, whether it is ignored. */
const MOBY: readonly (readonly [string, string, boolean])[] = [
  ['**', 'file', true],
  ['**', 'file/', true],
  ['**/', 'file', true],
  ['**', '/', true],
  ['**', 'dir/file', true],
  ['**/**', 'dir/file', true],
  ['dir/**', 'dir/file', true],
  ['dir/**', 'dir/dir2/file', true],
  ['**/dir', 'dir', true],
  ['**/dir', 'dir/file', true],
  ['**/dir2/*', 'dir/dir2/file', true],
  ['**/dir2/**', 'dir/dir2/dir2/file', true],
  ['**file', 'file', true],
  ['**file', 'dir/file', true],
  ['**/file', 'dir/file', true],
  ['**file', 'dir/dir/file', true],
  ['**/file*', 'dir/dir/file.txt', true],
  ['**/file*txt', 'dir/dir/file.txt', true],
  ['**/file*.txt', 'dir/dir/file.txt', true],
  ['**/**/*.txt', 'dir/dir/file.txt', true],
  ['**/**/*.txt2', 'dir/dir/file.txt', false],
  ['**/*.txt', 'file.txt', true],
  ['**/**/*.txt', 'file.txt', true],
  ['a**/*.txt', 'a/file.txt', true],
  ['a**/*.txt', 'a/dir/file.txt', true],
  ['a**/*.txt', 'a/dir/dir/file.txt', true],
  ['a/*.txt', 'a/dir/file.txt', false],
  ['a/*.txt', 'a/file.txt', true],
  ['a/*.txt**', 'a/file.txt', true],
  ['a[b-d]e', 'ae', false],
  ['a[b-d]e', 'ace', true],
  ['a[b-d]e', 'aae', false],
  ['a[^b-d]e', 'aze', true],
  ['.*', '.foo', true],
  ['.*', 'foo', false],
  ['abc.def', 'abcdef', false],
  ['abc.def', 'abc.def', true],
  ['abc.def', 'abcZdef', false],
  ['abc?def', 'abcZdef', true],
  ['abc?def', 'abcdef', false],
  ['a\\*b', 'a*b', true],
  ['**/foo/bar', 'foo/bar', true],
  ['**/foo/bar', 'dir/foo/bar', true],
  ['**/foo/bar', 'dir/dir2/foo/bar', true],
  ['abc/**', 'abc', false],
  ['abc/**', 'abc/def', true],
  ['abc/**', 'abc/def/ghi', true],
  ['**/.foo', '.foo', true],
  ['**/.foo', 'bar.foo', false],
  ['./**/*', 'a/b', true],
  ['a(b)c/def', 'a(b)c/def', true],
  ['a.|)$(}+{bc', 'a.|)$(}+{bc', true],
  [
    'dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl',
    'dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl',
    true,
  ],
  ['*.whl', 'dist/x.whl', false],
  ['docs\n!docs/README.md', 'docs/README.md', false],
  ['docs\n!docs/README.md', 'docs/x', true],
  ['docs\n!docs/README.md\ndocs', 'docs/README.md', true],
  ['*\n!a/**', 'a/b', false],
  ['!a\n*', 'a', true],
  ['# c\n  x  \n', 'x', true],
  ['\ufeffx', 'x', true],
  ['x\r\ny\r\n', 'x', true],
  ['/x', 'x', true],
  ['a//b/../c/', 'a/c', true],
  ['../x', 'x', false],
  ['à', 'à', true],
  ['?', 'à', true],
  ['', 'x', false],
  ['.', 'x', false],
  ['/', 'x', false],
];

test('ignore files are those of moby/patternmatcher', () => {
  for (const [text, path, expected] of MOBY) {
    const rules = compileIgnore(Buffer.from(text).toString('latin1'), '.dockerignore');
    const bytes = Buffer.from(path).toString('latin1').replace(/\/$/, '');
    if (bytes === '') continue;
    assert.equal(rules.verdict(bytes).ignored, expected, `${JSON.stringify(text)} on ${path}`);
  }
});

test('a lone ! and a bad pattern name their line', () => {
  assert.throws(() => compileIgnore('a\n!\n', 'f'), /illegal exclusion pattern/);
  assert.throws(() => compileIgnore('a\n[\n', 'f'), {
    range: { file: 'f', startLine: 2, endLine: 2 },
  });
});

test('a backslash quotes a wildcard', () => {
  assert.equal(hasWildcard('a\\*b'), false);
  assert.equal(hasWildcard('a\\\\*b'), true);
});

/** The same, the slow and obvious way: by trying every way to split. */
function naive(pattern: string, path: string): boolean {
  if (pattern === '') return path === '';
  if (pattern === '**') return true;
  if (pattern.startsWith('**/')) {
    const rest = pattern.slice(3);
    if (naive(rest, path)) return true;
    return Array.from(path).some((char, i) => char === '/' && naive(rest, path.slice(i + 1)));
  }
  if (pattern.startsWith('*')) {
    for (let i = 0; i <= path.length; i++) {
      if (naive(pattern.slice(1), path.slice(i))) return true;
      if (path[i] === '/') break;
    }
    return false;
  }
  if (path === '') return false;
  if (pattern.startsWith('?'))
    return !path.startsWith('/') && naive(pattern.slice(1), path.slice(1));
  return path.startsWith(pattern.charAt(0)) && naive(pattern.slice(1), path.slice(1));
}

test('any pattern matches what a simple matcher says', () => {
  const segment = fc.stringMatching(/^(\*|\?|[ab]){1,4}$/).map((text) => text.replace(/\*+/g, '*'));
  const pattern = fc
    .array(fc.oneof(segment, fc.constant('**')), { minLength: 1, maxLength: 5 })
    .map((parts) => parts.join('/').replace(/(\*\*\/)+\*\*$/, '**'));
  const path = fc
    .array(fc.stringMatching(/^[ab]{1,4}$/), { minLength: 1, maxLength: 5 })
    .map((parts) => parts.join('/'));
  fc.assert(
    fc.property(pattern, path, (p, f) => {
      assert.equal(compileGlob(p, 'ignore')(f), naive(p, f), `${p} on ${f}`);
    }),
    { numRuns: 3000 },
  );
});

// A backtracking matcher would not end before the sun does.
test('hostile patterns take linear time', { timeout: 20_000 }, () => {
  const deep = Array.from({ length: 45 }, () => 'a').join('/');
  const long = `${'a'.repeat(4000)}b`;
  const hostile = [
    `${'**/'.repeat(40)}x`,
    `${'*a'.repeat(60)}*c`,
    `${'**a'.repeat(40)}c`,
    '{a,b}'.repeat(30),
    `${'[ab]*'.repeat(50)}c`,
    '?'.repeat(4000),
  ];
  for (const pattern of hostile) {
    const rules = compileIgnore(pattern, '.dockerignore');
    assert.equal(rules.verdict(deep).ignored, false, pattern.slice(0, 20));
    assert.equal(rules.verdict(long).ignored, false, pattern.slice(0, 20));
  }
  assert.throws(() => compileIgnore('['.repeat(3000), 'f'), /syntax error/);
});
