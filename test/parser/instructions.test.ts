import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseDockerfile } from '../../src/parser/parse.js';
import { quotedWords } from '../../src/parser/split.js';

/** What one line says, without its place, or its problem. */
function read(line: string): unknown {
  const { instructions, diagnostics } = parseDockerfile(`FROM a\n${line}`, 'Dockerfile');
  const [problem] = diagnostics;
  if (problem !== undefined) return `! ${problem.message}`;
  const {
    text: _text,
    range: _range,
    ...body
  } = instructions[1] ?? assert.fail('nothing was read');
  return body;
}

const shell = (text: string) => ({ json: false, text });
const json = (...args: string[]) => ({ json: true, args });
const run = (form: unknown, more: object = {}) => ({
  kind: 'run',
  form,
  heredocs: [],
  mounts: [],
  security: 'sandbox',
  devices: [],
  ...more,
});

const GOOD: Readonly<Record<string, unknown>> = {
  'FROM b': { kind: 'from', base: 'b' },
  'FROM --platform=$P  b:1@sha256:x  As N.a-m_e': {
    kind: 'from',
    base: 'b:1@sha256:x',
    stage: 'n.a-m_e',
    platform: '$P',
  },
  'RUN a  "b" \'c\' $D': run(shell('a  "b" \'c\' $D')),
  'RUN ["a", "b c", "\\u00e9\\\\"]': run(json('a', 'b c', 'é\\')),
  'RUN  [ "a" ] ': run(json('a')),
  "RUN ['a']": run(shell("['a']")),
  'RUN ["a"] b': run(shell('["a"] b')),
  'RUN ["a",]': run(shell('["a",]')),
  'RUN ["a"': run(shell('["a"')),
  'RUN [ -f x ]': run(shell('[ -f x ]')),
  'RUN --network=none a': run(shell('a'), { network: 'none' }),
  'RUN -- --x': run(shell('--x')),
  'CMD a b': { kind: 'cmd', form: shell('a b') },
  'CMD []': { kind: 'cmd', form: json() },
  CMD: { kind: 'cmd', form: shell('') },
  'ENTRYPOINT ["a"]': { kind: 'entrypoint', form: json('a') },
  'ENTRYPOINT []': { kind: 'entrypoint', form: json() },
  'SHELL ["a", "-b"]': { kind: 'shell', shell: ['a', '-b'] },
  'ENV a=1 b="2 3" c=\'4\'  d=5\\ 6 e= f=g=h': {
    kind: 'env',
    pairs: [
      ['a', '1'],
      ['b', '"2 3"'],
      ['c', "'4'"],
      ['d', '5\\ 6'],
      ['e', ''],
      ['f', 'g=h'],
    ],
  },
  'ENV a  1  "2"=3': { kind: 'env', pairs: [['a', '1  "2"=3']] },
  'LABEL "a b"=c $d=e': {
    kind: 'label',
    pairs: [
      ['"a b"', 'c'],
      ['$d', 'e'],
    ],
  },
  'LABEL a b': { kind: 'label', pairs: [['a', 'b']] },
  'ARG a': { kind: 'arg', args: [{ name: 'a' }] },
  'ARG a= b="c d" e': {
    kind: 'arg',
    args: [{ name: 'a', value: '' }, { name: 'b', value: '"c d"' }, { name: 'e' }],
  },
  'WORKDIR a b': { kind: 'workdir', path: 'a b' },
  'USER a:b': { kind: 'user', user: 'a:b' },
  'STOPSIGNAL $X': { kind: 'stopsignal', signal: '$X' },
  'MAINTAINER A <a@b>': { kind: 'maintainer', author: 'A <a@b>' },
  'EXPOSE 90  80/udp $P': { kind: 'expose', ports: ['$P', '80/udp', '90'] },
  'VOLUME /a  /b': { kind: 'volume', paths: ['/a', '/b'] },
  'VOLUME ["/a b"]': { kind: 'volume', paths: ['/a b'] },
  'VOLUME /a\u00a0b': { kind: 'volume', paths: ['/a\u00a0b'] },
  'HEALTHCHECK none': { kind: 'healthcheck', options: {} },
  'HEALTHCHECK --interval=1s --retries=+2 --timeout= cmd a  b': {
    kind: 'healthcheck',
    form: shell('a  b'),
    options: { Interval: 1e9, Timeout: 0, Retries: 2 },
  },
  'HEALTHCHECK --start-period=1m --start-interval=5ms CMD ["a"]': {
    kind: 'healthcheck',
    form: json('a'),
    options: { StartPeriod: 60e9, StartInterval: 5e6 },
  },
  'ONBUILD run a': { kind: 'onbuild', trigger: 'run a' },
  'ONBUILD  COPY --from=x a  b': { kind: 'onbuild', trigger: 'COPY --from=x a  b' },
};

const BAD: Readonly<Record<string, string>> = {
  FROM: 'FROM requires either one or three arguments',
  'FROM b c': 'FROM requires either one or three arguments',
  'FROM b AS': 'FROM requires either one or three arguments',
  'FROM b IS c': 'FROM requires either one or three arguments',
  'FROM b AS c d': 'FROM requires either one or three arguments',
  'FROM b AS 1':
    'invalid name for build stage: "1", name can\'t start with a number or contain symbols',
  'FROM b AS a/b':
    'invalid name for build stage: "a/b", name can\'t start with a number or contain symbols',
  'FROM --nope=1 b': 'unknown flag: --nope',
  RUN: 'RUN requires at least one argument',
  'RUN []': 'RUN requires at least one argument',
  'RUN ["a", 1]': 'when using JSON array syntax, arrays must be comprised of strings only',
  'RUN [["a"]]': 'when using JSON array syntax, arrays must be comprised of strings only',
  'RUN [null]': 'when using JSON array syntax, arrays must be comprised of strings only',
  'RUN --network=moon a': 'invalid network mode "moon"',
  'CMD ["a", {}]': 'when using JSON array syntax, arrays must be comprised of strings only',
  'CMD --help': 'unknown flag: --help',
  'SHELL a b': 'SHELL requires the arguments to be in JSON form',
  'SHELL []': 'SHELL requires at least one argument',
  COPY: 'COPY requires at least two arguments, but only 0 were provided. Destination could not be determined',
  'COPY a':
    'COPY requires at least two arguments, but only 1 was provided. Destination could not be determined',
  'COPY ["a"]':
    'COPY requires at least two arguments, but only 1 was provided. Destination could not be determined',
  'COPY --from=$X a b': 'variable expansion is not supported for --from',
  'COPY --nope a b': 'unknown flag: --nope',
  'ADD --from=x a b': 'unknown flag: --from',
  ENV: 'ENV requires at least one argument',
  'ENV a': 'ENV must have two arguments',
  'ENV a=1 b': 'can\'t find = in "b". Must be of the form: name=value',
  'ENV =1': 'ENV names can not be blank',
  'ENV --a=1': 'unknown flag: --a',
  LABEL: 'LABEL requires at least one argument',
  'LABEL a=1 =b': 'LABEL names can not be blank',
  ARG: 'ARG requires at least one argument',
  'ARG =1': 'ARG names can not be blank',
  WORKDIR: 'WORKDIR requires exactly one argument',
  USER: 'USER requires exactly one argument',
  STOPSIGNAL: 'STOPSIGNAL requires exactly one argument',
  MAINTAINER: 'MAINTAINER requires exactly one argument',
  EXPOSE: 'EXPOSE requires at least one argument',
  VOLUME: 'VOLUME requires at least one argument',
  'VOLUME []': 'VOLUME requires at least one argument',
  'VOLUME [" "]': 'VOLUME specified can not be an empty string',
  HEALTHCHECK: 'HEALTHCHECK requires at least one argument',
  'HEALTHCHECK NONE x': 'HEALTHCHECK NONE takes no arguments',
  'HEALTHCHECK --interval=1s NONE': 'HEALTHCHECK NONE takes no arguments',
  'HEALTHCHECK curl x': 'unknown type "curl" in HEALTHCHECK (try CMD)',
  'HEALTHCHECK CMD': 'missing command after HEALTHCHECK CMD',
  'HEALTHCHECK CMD []': 'missing command after HEALTHCHECK CMD',
  'HEALTHCHECK --interval=x CMD a': 'invalid duration "x" for --interval',
  'HEALTHCHECK --retries=x CMD a': '--retries must be a whole number, not "x"',
  'HEALTHCHECK --retries=-1 CMD a': '--retries cannot be negative (-1)',
  'HEALTHCHECK --retries=4294967296 CMD a': '--retries must be a whole number, not "4294967296"',
  ONBUILD: 'ONBUILD requires at least one argument',
  'ONBUILD ONBUILD RUN a': "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
  'ONBUILD FROM a': "FROM isn't allowed as an ONBUILD trigger",
  'ONBUILD maintainer a': "MAINTAINER isn't allowed as an ONBUILD trigger",
  'ONBUILD NOPE': 'unknown instruction: NOPE',
  'ONBUILD COPY a':
    'COPY requires at least two arguments, but only 1 was provided. Destination could not be determined',
};

describe('instructions', () => {
  for (const [line, expected] of Object.entries(GOOD)) {
    test(line, () => {
      assert.deepEqual(read(line), expected);
    });
  }
  for (const [line, message] of Object.entries(BAD)) {
    test(`${line} is refused`, () => {
      assert.equal(read(line), `! ${message}`);
    });
  }
  for (const keyword of ['COPY', 'ADD']) {
    test(`${keyword}: sources and destination`, () => {
      const sources = (line: string) => {
        const body = read(`${keyword} ${line}`);
        assert.ok(typeof body === 'object' && body !== null && 'sources' in body && 'dest' in body);
        return [body.sources, body.dest];
      };
      assert.deepEqual(sources('a  b\tc'), [['a', 'b'], 'c']);
      assert.deepEqual(sources('--chown=a:b "a b" c'), [['"a', 'b"'], 'c']);
      assert.deepEqual(sources('["a b", "c"]'), [['a b'], 'c']);
      assert.deepEqual(sources('a\u00a0b c'), [['a\u00a0b'], 'c']);
    });
  }
});

test('P10 words, with their quotes and escapes (TestParseWords)', () => {
  const rows: Readonly<Record<string, readonly string[]>> = {
    '': [],
    '  a\tb  ': ['a', 'b'],
    'a="b c" d': ['a="b c"', 'd'],
    'a=\'b "c\' "d \'e"': ["a='b \"c'", '"d \'e"'],
    'a=b\\ c': ['a=b\\ c'],
    'a="b\\" c" d': ['a="b\\" c"', 'd'],
    "a='b\\' c": ["a='b\\'", 'c'],
    'a="" ""': ['a=""', '""'],
    'a="b c': ['a="b c'],
    'a\\"b c': ['a\\"b', 'c'],
  };
  for (const [text, words] of Object.entries(rows))
    assert.deepEqual(quotedWords(text, '\\'), words, text);
  assert.deepEqual(quotedWords('a\\ b` c', '`'), ['a\\', 'b` c']);
});

test('after a hundred problems the rest is not read', () => {
  const { diagnostics } = parseDockerfile(`FROM a\n${'EOF\n\n'.repeat(50_000)}`, 'Dockerfile');
  assert.equal(diagnostics.length, 101);
  assert.match(diagnostics.at(-1)?.message ?? '', /too many problems/);
});
