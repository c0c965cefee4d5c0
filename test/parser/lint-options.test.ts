import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lintRule, RULE_NAMES } from '../../src/parser/lint/rules.js';
import { lint, type LintCase } from '../helpers/lint.js';

const BAD = 'FROM scratch as base\ncopy Dockerfile .\n';
const FROM_AS = ['2 FromAsCasing'];

describe('# check= and BUILDKIT_DOCKERFILE_CHECK (testRuleCheckOption)', () => {
  const rows: readonly (readonly [check: string, warnings: readonly string[], fails?: string])[] = [
    ['#check=skip=all', []],
    ['#check=skip=all;error=true', []],
    ['#check=skip=ConsistentInstructionCasing,FromAsCasing', []],
    ['#check=skip=ConsistentInstructionCasing,FromAsCasing;error=true', []],
    ['# check = skip = ConsistentInstructionCasing , FromAsCasing', []],
    ['#check=skip=ConsistentInstructionCasing', FROM_AS],
    ['#check=skip=ConsistentInstructionCasing;error=true', FROM_AS, 'FromAsCasing'],
    [
      '#check=error=1',
      [...FROM_AS, '3 ConsistentInstructionCasing'],
      'FromAsCasing, ConsistentInstructionCasing',
    ],
    ['#check=error=false', [...FROM_AS, '3 ConsistentInstructionCasing']],
    ['#check=skip=NoSuchRule', [...FROM_AS, '3 ConsistentInstructionCasing']],
    ['#check=skip=all a remark', []],
    ['# a comment\n#check=skip=all\n#', ['4 FromAsCasing', '5 ConsistentInstructionCasing']],
  ];
  for (const [check, expected, rules] of rows) {
    test(check.replace('\n', ' | '), async () => {
      const { short, error } = await lint(`${check}\n${BAD}`);
      assert.deepEqual(short, expected);
      const message = rules === undefined ? undefined : `lint violation found for rules: ${rules}`;
      assert.equal(error?.message, message);
      if (rules !== undefined) assert.equal(error?.range?.startLine, 2);
    });
  }

  test('the build argument wins over the directive', async () => {
    const buildArgs = { BUILDKIT_DOCKERFILE_CHECK: 'skip=ConsistentInstructionCasing;error=true' };
    const strict = await lint(`#check=skip=all\n${BAD}`, { buildArgs });
    assert.deepEqual(strict.short, FROM_AS);
    assert.equal(strict.error?.message, 'lint violation found for rules: FromAsCasing');
    const skip = { buildArgs: { BUILDKIT_DOCKERFILE_CHECK: 'skip=all' } };
    const lax = await lint(`#check=error=true\n${BAD}`, skip);
    assert.deepEqual([lax.short, lax.error], [[], undefined]);
  });

  for (const bad of ['skip', 'nope=1', 'error=maybe', 'skip=all;', 'Skip=all']) {
    test(`${bad} is refused, in either place`, async () => {
      const directive = await lint(`#check=${bad}\n${BAD}`);
      assert.match(directive.error?.message ?? '', /^invalid (check option|value)/);
      assert.equal(directive.error?.range?.startLine, 1);
      const buildArgs = { BUILDKIT_DOCKERFILE_CHECK: bad };
      assert.match((await lint(BAD, { buildArgs })).error?.message ?? '', /^invalid/);
    });
  }

  test('a comment above one instruction counts for it alone, and cannot make errors', async () => {
    const text = 'FROM scratch\n# check=skip=JSONArgsRecommended;error=true\nCMD a\nENTRYPOINT b\n';
    const { short, error } = await lint(text);
    assert.deepEqual([short, error], [['4 JSONArgsRecommended'], undefined]);
  });

  test('a comment that cannot be read says nothing', async () => {
    const { short } = await lint('FROM scratch\n# check=everything\nCMD a\n');
    assert.deepEqual(short, ['3 JSONArgsRecommended']);
  });

  test('a blank line between does not part them, a bare # does', async () => {
    const apart = await lint('FROM scratch\n# check=skip=all\n\nCMD a\n');
    assert.deepEqual(apart.short, []);
    const reset = await lint('FROM scratch\n# check=skip=all\n#\nCMD a\n');
    assert.deepEqual(reset.short, ['4 JSONArgsRecommended']);
  });
});

describe('warnings of a file that fails (testWarningsBeforeError)', () => {
  test('an instruction that is none', async () => {
    const { short, error } = await lint('FROM scratch AS BadStageName\nMAINTAINER me\nBADCMD\n');
    assert.deepEqual(short, ['1 StageNameCasing', '2 MaintainerDeprecated']);
    assert.equal(error?.message, 'unknown instruction: BADCMD');
  });

  test('a failure while lowering: what it looked up itself, and what comes after it', async () => {
    const { short, error } = await lint('FROM scratch\nUSER $me\nCOPY --from=5 $a /\nUSER $you\n');
    assert.deepEqual(short, ['2 UndefinedVar', '3 UndefinedVar', '4 UndefinedVar']);
    assert.match(error?.message ?? '', /invalid stage index/);
  });

  test('every stage is looked at, also past one that fails', async () => {
    const text = 'FROM scratch\nCOPY --from=9 a /\nFROM scratch\nUSER $b\n';
    const { short, error } = await lint(text, { allStages: true });
    assert.deepEqual(short, ['4 UndefinedVar']);
    assert.equal(error?.range?.startLine, 2);
  });
});

const all: LintCase = { allStages: true };

describe('no target: all stages (testAllTargetUnmarshal)', () => {
  const text = 'FROM scratch AS first\nCOPY $foo .\nFROM scratch AS second\nCOPY $bar .\n';
  test('a build looks at what it reaches', async () => {
    assert.deepEqual((await lint(text)).short, ['4 UndefinedVar']);
  });
  test('a check at everything', async () => {
    assert.deepEqual((await lint(text, all)).short, ['2 UndefinedVar', '4 UndefinedVar']);
  });
});

describe('CopyIgnoredFile (testCopyIgnoredFiles, testCopyIgnoredFileContextRoot)', () => {
  const ignoring = (...names: string[]): LintCase => ({
    ignore: { hasExceptions: false, ignoresAll: false, ignores: (path) => names.includes(path) },
  });
  const rows: readonly (readonly [what: string, text: string, warnings: string[], LintCase])[] = [
    [
      'COPY and ADD',
      'FROM scratch\nCOPY D .\nADD D /w\n',
      ['2 CopyIgnoredFile', '3 CopyIgnoredFile'],
      ignoring('D'),
    ],
    [
      'a path from the root',
      'FROM scratch\nCOPY /a/../D .\n',
      ['2 CopyIgnoredFile'],
      ignoring('D'),
    ],
    ['a variable', 'FROM scratch\nARG f=D\nCOPY $f .\n', ['3 CopyIgnoredFile'], ignoring('D')],
    ['another file', 'FROM scratch\nCOPY E .\n', [], ignoring('D')],
    ['from a stage', 'FROM scratch AS a\nFROM scratch\nCOPY --from=a D .\n', [], ignoring('D')],
    [
      'a remote source',
      'FROM scratch\nADD https://x/D /\n',
      [],
      ignoring('https:/x/D', 'https://x/D'),
    ],
    ['skipped', '# check=skip=CopyIgnoredFile\nFROM scratch\nCOPY D .\n', [], ignoring('D')],
    ['the root, some ignored', 'FROM scratch\nCOPY . .\n', [], ignoring('.')],
    [
      'the root, all ignored',
      'FROM scratch\nCOPY . .\n',
      ['2 CopyIgnoredFile'],
      { ignore: { hasExceptions: false, ignoresAll: true, ignores: () => true } },
    ],
    [
      'with exceptions nothing is known',
      'FROM scratch\nCOPY D .\n',
      [],
      { ignore: { hasExceptions: true, ignoresAll: true, ignores: () => true } },
    ],
  ];
  for (const [what, text, expected, options] of rows) {
    test(what, async () => {
      const { short } = await lint(text, options);
      assert.deepEqual(
        short.filter((line) => line.endsWith('CopyIgnoredFile')),
        expected,
      );
    });
  }
});

describe("the words of each rule are BuildKit's", () => {
  const rows: readonly (readonly [text: string, detail: string, options?: LintCase])[] = [
    ['FROM scratch AS Bad\n', "Stage name 'Bad' should be lowercase"],
    ['from scratch AS b\n', "'AS' and 'from' keywords' casing do not match"],
    ['FROM scratch\nRUN a \\\n\nb\n', 'Empty continuation line'],
    [
      'From scratch\nFROM scratch\n',
      "Command 'From' should match the case of the command majority (uppercase)",
    ],
    [
      'FROM scratch AS b\nFROM scratch AS b\n',
      'Duplicate stage name "b", stage names should be unique',
    ],
    [
      'FROM scratch AS scratch\n',
      'Stage name should not use the same name as reserved stage "scratch"',
    ],
    [
      'FROM scratch\nCMD a\n',
      'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
    ],
    [
      'FROM scratch\nMAINTAINER a\n',
      'Maintainer instruction is deprecated in favor of using label',
    ],
    ['FROM img:a$version\n', "FROM argument 'version' is not declared"],
    [
      'ARG MY_ARCH=amd64\nFROM img:a${MYARCH}\n',
      "FROM argument 'MYARCH' is not declared (did you mean MY_ARCH?)",
    ],
    [
      'FROM img:a$BULIDPLATFORM\n',
      "FROM argument 'BULIDPLATFORM' is not declared (did you mean BUILDPLATFORM?)",
    ],
    [
      'FROM scratch\nWORKDIR app/\n',
      'Relative workdir "app/" can have unexpected results if the base image changes',
    ],
    ['FROM img\nCOPY $foo .\n', "Usage of undefined variable '$foo'"],
    [
      'FROM img\nARG DIR_ASSETS=assets/\nCOPY $DIR_ASSET .\n',
      "Usage of undefined variable '$DIR_ASSET' (did you mean $DIR_ASSETS?)",
    ],
    [
      'FROM img\nENV PATH=$PAHT:/tmp/bin\n',
      "Usage of undefined variable '$PAHT' (did you mean $PATH?)",
    ],
    [
      'FROM scratch\nCMD ["a"]\nCMD ["b"]\n',
      'Multiple CMD instructions should not be used in the same stage because only the last one will be used',
    ],
    [
      'FROM scratch\nLABEL a b\n',
      '"LABEL key=value" should be used instead of legacy "LABEL key value" format',
    ],
    [
      'FROM other:1\n',
      'Base image other:1 was pulled with platform "linux/arm64", expected "linux/amd64" for current build',
    ],
    [
      'FROM --platform=${TARGETPLATFORM} scratch\n',
      'Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as this is the default behavior',
    ],
    [
      'FROM scratch\nARG my_token\n',
      'Do not use ARG or ENV instructions for sensitive data (ARG "my_token")',
    ],
    [
      'ARG V\nFROM img:$V\n',
      'Default value for ARG img:$V results in empty or invalid base image name',
      { buildArgs: { V: '1' } },
    ],
    [
      'FROM --platform=linux/amd64 scratch\n',
      'FROM --platform flag should not use constant value "linux/amd64"',
    ],
    [
      'FROM scratch\nADD a/b .\n',
      'Attempting to Add file "a/b" that is excluded by .dockerignore',
      { ignore: { hasExceptions: false, ignoresAll: false, ignores: () => true } },
    ],
    [
      '# check=experimental=all\n# no\nFROM scratch AS b\n',
      'Comment for FROM should follow the format: `# b <description>`',
    ],
    [
      'FROM scratch\nEXPOSE 80/TCP\n',
      "Defined protocol '80/TCP' in EXPOSE instruction should be lowercase",
    ],
    [
      'FROM scratch\nEXPOSE 127.0.0.1:80:80\n',
      "EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
    ],
  ];
  const seen = new Set<string>();
  for (const [text, detail, options] of rows) {
    test(detail, async () => {
      const { warnings } = await lint(text, options);
      const [warning, ...more] = warnings;
      assert.deepEqual([warning?.detail, more.length], [detail, 0]);
      seen.add(warning?.ruleName ?? '');
    });
  }
  test('all 22 rules are among them', () => {
    assert.equal(RULE_NAMES.length, 22);
    assert.deepEqual([...seen].sort(), [...RULE_NAMES].sort());
  });
});

test('pages are named after their rule; one rule has none', () => {
  const pages = RULE_NAMES.map((name) => lintRule(name).url);
  assert.deepEqual(pages.filter((page) => page === undefined).length, 1);
  const base = 'https://docs.docker.com/go/dockerfile/rule/';
  for (const name of [
    'json-args-recommended',
    'undefined-arg-in-from',
    'secrets-used-in-arg-or-env',
    'copy-ignored-file',
  ])
    assert.ok(pages.includes(`${base}${name}/`), name);
});
