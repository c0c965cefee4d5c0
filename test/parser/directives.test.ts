import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseDockerfile } from '../../src/parser/parse.js';
import { failure } from '../helpers/plan-text.js';

/** The escape, the syntax, then problems as `line: message`. */
function read(text: string): string[] {
  const { directives, diagnostics } = parseDockerfile(`${text}\nFROM a\n`, 'Dockerfile');
  const problems = diagnostics.map(
    ({ range, message }) => `${String(range.startLine)}: ${message}`,
  );
  return [directives.escape, directives.syntax ?? '', ...problems];
}

const ROWS: readonly (readonly [name: string, text: string, ...expected: string[]])[] = [
  ['D1 none', '# a comment', '\\', ''],
  ['D1 blanks and case', '  #   ESCAPE =  `  ', '`', ''],
  [
    'D1 several',
    '# syntax=docker/dockerfile:1\n#escape=`\n# check=skip=all',
    '`',
    'docker/dockerfile:1',
  ],
  ['D1 a comment ends them', '# hello\n# escape=`', '\\', ''],
  ['D1 a blank line ends them', '\n# escape=`', '\\', ''],
  ['D1 an unknown one ends them', '# unknown=1\n# escape=`', '\\', ''],
  ['D1 an instruction ends them', 'ARG a\n# escape=`', '\\', ''],
  ['D1 no value is a comment', '# escape=\n# syntax=x', '\\', ''],
  [
    'D1 twice',
    '# escape=`\n# Escape=\\',
    '`',
    '',
    '2: only one escape parser directive can be used',
  ],
  ['P1 after a byte order mark', '\ufeff# escape=`', '`', ''],
  ['P1 line breaks of Windows', '# escape=`\r', '`', ''],
  [
    'D3 another escape',
    '# escape=x',
    '\\',
    '',
    "1: invalid escape token 'x' does not match ` or \\",
  ],
  [
    'D2 after a shebang',
    '#!/usr/bin/env stave\n# syntax=docker/dockerfile:1',
    '\\',
    'docker/dockerfile:1',
  ],
];

describe('directives', () => {
  for (const [name, text, ...expected] of ROWS) {
    test(name, () => {
      assert.deepEqual(read(text), expected);
    });
  }
  test('D4 a check that cannot be read', () => {
    assert.match(read('# check=nope=1').join('\n'), /^1: .*nope/m);
  });
});

describe('D2 frontends (TestDetectSyntax, TestDetectSyntaxBOM)', () => {
  const builtIn = [
    'docker/dockerfile',
    'docker/dockerfile:1',
    'docker.io/docker/dockerfile:1.4.0',
    'index.docker.io/docker/dockerfile:1',
    'docker/dockerfile:1-labs',
    'docker/dockerfile:1.7-labs',
    'docker/dockerfile:1.22.0-rc1',
    'docker/dockerfile:1.2-experimental',
    'docker/dockerfile:labs',
    'docker/dockerfile:latest',
    'docker/dockerfile-upstream:master',
    'docker/dockerfile-upstream:master-labs',
    `docker/dockerfile:1@sha256:${'0'.repeat(64)}`,
    'docker/dockerfile:1 arg=1',
    'dockerfile.v0',
  ];
  for (const image of builtIn) {
    test(`${image} is built in`, async () => {
      assert.deepEqual(await failure(`# syntax=${image}\nFROM a\nEXPOSE x`), [
        '3: invalid containerPort: x (write 80, 80/tcp or 8000-8010/udp)',
      ]);
    });
  }
  const foreign = [
    'docker/dockerfile:2',
    'docker/dockerfile:0.9',
    'docker/dockerfile:1.2.3.4',
    'evil/docker/dockerfile:1',
    'docker/dockerfile:',
    'r2d4/mocker',
    'localhost:5000/docker/dockerfile:1',
    'dockerfile.v1',
  ];
  for (const image of foreign) {
    test(`${image} is refused before all else`, async () => {
      const message = `syntax ${image} is another frontend, which stave cannot run`;
      const hint = ' (use docker/dockerfile:1, or leave it out: the language is built in)';
      assert.deepEqual(await failure(`# escape=\`\n# syntax=${image}\napiVersion: x`), [
        `2: ${message}${hint}`,
      ]);
    });
  }
  test('in the forms of other languages', async () => {
    assert.match(
      (await failure('// syntax=mocker\nx'))[0] ?? '',
      /^1: syntax mocker is another frontend/,
    );
    assert.match(
      (await failure('#!x\n{"syntax": "mocker"}'))[0] ?? '',
      /^1: syntax mocker is another/,
    );
    assert.match((await failure('{"syntax": 1}'))[0] ?? '', /^1: unknown instruction/);
    assert.match((await failure('{syntax'))[0] ?? '', /^1: unknown instruction/);
  });
  test('BUILDKIT_SYNTAX goes before the directive', async () => {
    const text = '# syntax=mocker\nFROM a\nEXPOSE x';
    assert.match(
      (await failure(text, { buildArgs: { BUILDKIT_SYNTAX: 'docker/dockerfile:1' } }))[0] ?? '',
      /^3: /,
    );
    assert.match(
      (await failure('FROM a', { buildArgs: { BUILDKIT_SYNTAX: 'mocker' } }))[0] ?? '',
      /^BUILDKIT_SYNTAX mocker is another frontend/,
    );
  });
});
