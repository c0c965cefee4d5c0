import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FlagSpec, type ParsedFlags, parseFlags } from '../../src/cli/flags.js';
import { BuildError } from '../../src/model/error.js';

// docker's grammar of flags (spf13/pflag).

const SPECS: readonly FlagSpec[] = [
  { name: 'interactive', short: 'i', kind: 'bool', help: '' },
  { name: 'tty', short: 't', kind: 'bool', help: '' },
  { name: 'rm', kind: 'bool', help: '' },
  { name: 'file', short: 'f', kind: 'text', help: '' },
  { name: 'build-arg', kind: 'list', help: '' },
  { name: 'env', short: 'e', kind: 'list', help: '' },
  { name: 'network', kind: 'text', help: '' },
  { name: 'publish', short: 'p', kind: 'list', help: '', later: true },
  { name: 'detach', short: 'd', kind: 'bool', help: '', later: true },
];

function parse(args: readonly string[], interspersed = true): ParsedFlags {
  return parseFlags(args, SPECS, { interspersed, command: 'run' });
}

/** Only what was given. */
interface Given {
  readonly on?: readonly string[];
  readonly text?: Readonly<Record<string, string>>;
  readonly lists?: Readonly<Record<string, readonly string[]>>;
  readonly rest?: readonly string[];
}

function check(flags: ParsedFlags, { on = [], text = {}, lists = {}, rest = [] }: Given): void {
  for (const { name, kind } of SPECS) {
    if (kind === 'bool') assert.equal(flags.bool(name), on.includes(name), `--${name}`);
    if (kind === 'text') assert.equal(flags.text(name), text[name], `--${name}`);
    if (kind === 'list') assert.deepEqual(flags.list(name), lists[name] ?? [], `--${name}`);
  }
  assert.deepEqual(flags.rest, rest);
}

const INTERSPERSED: readonly (readonly [line: readonly string[], given: Given])[] = [
  [[], {}],
  [['a', 'b'], { rest: ['a', 'b'] }],
  [['--rm'], { on: ['rm'] }],
  [['--file', 'x'], { text: { file: 'x' } }],
  [['--file=x'], { text: { file: 'x' } }],
  [['--file='], { text: { file: '' } }],
  [['--file', ''], { text: { file: '' } }],
  [['--file=a=b'], { text: { file: 'a=b' } }],
  [['--file', '--rm'], { text: { file: '--rm' } }],
  [['--file', '--'], { text: { file: '--' } }],
  [['--file', '-'], { text: { file: '-' } }],
  [['-f', 'x'], { text: { file: 'x' } }],
  [['-fx'], { text: { file: 'x' } }],
  [['-f=x'], { text: { file: 'x' } }],
  [['-f', '-i'], { text: { file: '-i' } }],
  [['-file'], { text: { file: 'ile' } }],
  [['-f-'], { text: { file: '-' } }],
  [['-it'], { on: ['interactive', 'tty'] }],
  [['-ti'], { on: ['interactive', 'tty'] }],
  [['-i', '-t'], { on: ['interactive', 'tty'] }],
  [['-itfx'], { on: ['interactive', 'tty'], text: { file: 'x' } }],
  [['-itf', 'x'], { on: ['interactive', 'tty'], text: { file: 'x' } }],
  [['-ie', 'A=1'], { on: ['interactive'], lists: { env: ['A=1'] } }],
  [['-eA=1'], { lists: { env: ['A=1'] } }],
  [['-e=A=1'], { lists: { env: ['A=1'] } }],
  [['-e', 'A', '-eB', '--env', 'C', '--env=D'], { lists: { env: ['A', 'B', 'C', 'D'] } }],
  [['--build-arg', 'A=1,B=2'], { lists: { 'build-arg': ['A=1,B=2'] } }],
  [['--file', 'x', '--file=y', '-fz'], { text: { file: 'z' } }],
  [['--rm=true'], { on: ['rm'] }],
  [['--rm=false'], {}],
  [['--rm=1', '--tty=T', '--interactive=TRUE'], { on: ['rm', 'tty', 'interactive'] }],
  [['--rm=0', '--tty=f', '--interactive=False'], {}],
  [['--rm', '--rm=false'], {}],
  [['--rm=false', '--rm'], { on: ['rm'] }],
  [['-t=false'], {}],
  [['-t=true'], { on: ['tty'] }],
  [['-it=false'], { on: ['interactive'] }],
  [['-i', '-i=0'], {}],
  [['--rm', 'false'], { on: ['rm'], rest: ['false'] }],
  [['a', '--rm', 'b', '-fx'], { on: ['rm'], text: { file: 'x' }, rest: ['a', 'b'] }],
  [['-'], { rest: ['-'] }],
  [['', 'a'], { rest: ['', 'a'] }],
  [['--', '--rm', '-x'], { rest: ['--rm', '-x'] }],
  [['a', '--', 'b', '--', 'c'], { rest: ['a', 'b', '--', 'c'] }],
  [['--'], {}],
  [['--network', 'none', '.'], { text: { network: 'none' }, rest: ['.'] }],
];

for (const [line, given] of INTERSPERSED) {
  test(`build ${line.map((word) => JSON.stringify(word)).join(' ')}`, () => {
    check(parse(line), given);
  });
}

const UP_TO_THE_IMAGE: readonly (readonly [line: readonly string[], given: Given])[] = [
  [['alpine', 'ls', '-l'], { rest: ['alpine', 'ls', '-l'] }],
  [
    ['-it', 'alpine', 'sh', '-c', 'x'],
    { on: ['interactive', 'tty'], rest: ['alpine', 'sh', '-c', 'x'] },
  ],
  [
    ['--rm', 'alpine', '--rm=false', '--what'],
    { on: ['rm'], rest: ['alpine', '--rm=false', '--what'] },
  ],
  [['alpine', '--', 'x'], { rest: ['alpine', '--', 'x'] }],
  [['--', 'alpine', '-x'], { rest: ['alpine', '-x'] }],
  [['-e', 'A', 'alpine', '-e', 'B'], { lists: { env: ['A'] }, rest: ['alpine', '-e', 'B'] }],
];

for (const [line, given] of UP_TO_THE_IMAGE) {
  test(`run ${line.join(' ')}: flags end at the image`, () => {
    check(parse(line, false), given);
  });
}

interface Refusal {
  readonly code: BuildError['code'];
  readonly message: RegExp;
  readonly hint?: RegExp;
}

const REFUSED: readonly (readonly [line: readonly string[], refusal: Refusal])[] = [
  [['--what'], { code: 'usage', message: /^unknown flag: --what$/, hint: /stave run --help/ }],
  [['--what=x'], { code: 'usage', message: /^unknown flag: --what$/ }],
  [['--netwrok', 'x'], { code: 'usage', message: /--netwrok/, hint: /did you mean --network\?/ }],
  [['--build-args=A'], { code: 'usage', message: /--build-args/, hint: /--build-arg\?/ }],
  [['--interactiv'], { code: 'usage', message: /--interactiv$/, hint: /--interactive\?/ }],
  [['--fiel=x'], { code: 'usage', message: /--fiel$/, hint: /--file\?/ }],
  [['--FILE', 'x'], { code: 'usage', message: /^unknown flag: --FILE$/, hint: /--file\?/ }],
  [['-x'], { code: 'usage', message: /^unknown shorthand flag: 'x' in -x$/ }],
  [['-ix'], { code: 'usage', message: /^unknown shorthand flag: 'x' in -x$/ }],
  [['--file'], { code: 'usage', message: /^flag needs an argument: --file$/, hint: /--help/ }],
  [['--'.concat('-x')], { code: 'usage', message: /^bad flag syntax: ---x$/ }],
  [['--=x'], { code: 'usage', message: /^bad flag syntax: --=x$/ }],
  [['-f'], { code: 'usage', message: /^flag needs an argument: 'f' in -f$/ }],
  [['-itf'], { code: 'usage', message: /^flag needs an argument: 'f' in -f$/ }],
  [['a', '--env'], { code: 'usage', message: /^flag needs an argument: --env$/ }],
  [['--rm=maybe'], { code: 'usage', message: /^invalid argument "maybe" for .*--rm/ }],
  [['--rm='], { code: 'usage', message: /^invalid argument "" for .*--rm/ }],
  [['-t=no'], { code: 'usage', message: /^invalid argument "no" for .*-t/ }],
  [['--=x'], { code: 'usage', message: /--/ }],
  [['--publish', '80:80'], { code: 'unsupported', message: /^--publish is not supported yet$/ }],
  [['-p', '80:80'], { code: 'unsupported', message: /^-p is not supported yet$/ }],
  [['-p80:80'], { code: 'unsupported', message: /^-p is not supported yet$/ }],
  [['-d'], { code: 'unsupported', message: /^-d is not supported yet$/ }],
  [['-itd'], { code: 'unsupported', message: /^-d is not supported yet$/ }],
  [['--detach'], { code: 'unsupported', message: /^--detach is not supported yet$/ }],
];

for (const [line, { code, message, hint }] of REFUSED) {
  test(`${line.join(' ')} is refused: ${code}`, () => {
    assert.throws(
      () => parse(line),
      (error) => {
        assert.ok(error instanceof BuildError);
        assert.equal(error.code, code);
        assert.match(error.message, message);
        if (hint !== undefined) assert.match(error.hint ?? '', hint);
        return true;
      },
    );
  });
}

test('a word given to a command after its image is never taken for a flag', () => {
  assert.deepEqual(parse(['alpine', '--unknown', '-p'], false).rest, ['alpine', '--unknown', '-p']);
});

test('a flag that was not given is off, undefined, empty', () => {
  const flags = parse([]);
  assert.equal(flags.bool('rm'), false);
  assert.equal(flags.text('file'), undefined);
  assert.deepEqual(flags.list('env'), []);
});
