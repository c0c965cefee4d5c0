import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lint, type LintCase } from '../helpers/lint.js';

// [what, Dockerfile, `line Rule` of each warning, what else is given]. The cases are BuildKit's own where a title names
// one of its tests; lines count from 1.
type Row = readonly [what: string, text: string, warnings: readonly string[], options?: LintCase];

const RULES: Readonly<Record<string, readonly Row[]>> = {
  'StageNameCasing and FromAsCasing (testStageName)': [
    ['a stage name', 'FROM scratch AS BadStageName\n', ['1 StageNameCasing']],
    ['as after FROM', 'FROM scratch as base\n', ['1 FromAsCasing']],
    ['AS after from', 'from scratch AS base\n', ['1 FromAsCasing']],
    ['As after FROM', 'FROM scratch As base\n', ['1 FromAsCasing']],
    ['both alike', 'FROM scratch AS a\nFROM scratch AS b\n', []],
    ['both lower', 'from scratch as a\n', []],
    [
      'after a flag',
      'FROM --platform=$BUILDPLATFORM scratch as B\n',
      ['1 FromAsCasing', '1 StageNameCasing'],
    ],
    ['without a name', 'FROM scratch\n', []],
    ['skipped above', 'FROM scratch AS a\n# check=skip=FromAsCasing\nFROM scratch as b\n', []],
  ],
  // and TestParseWarnsOnEmptyContinutationLine
  'NoEmptyContinuation (testNoEmptyContinuation)': [
    [
      'a blank line',
      '\nFROM scratch\n# x\nCOPY a \\\n\n.\nCOPY a \\\n.\n',
      ['6 NoEmptyContinuation'],
    ],
    ['blanks in it', 'FROM scratch\nCOPY a \\\n \t\n.\n', ['4 NoEmptyContinuation']],
    ['two, told once', 'FROM scratch\nCOPY a \\\n\n\n.\n', ['5 NoEmptyContinuation']],
    ['a comment is none', 'FROM scratch\nCOPY a \\\n# c\n.\n', []],
    ['backtick', '# escape=`\nFROM scratch\nCOPY a `\n\n.\n', ['5 NoEmptyContinuation']],
    ['a doubled escape does not continue', 'FROM scratch\nLABEL a=b\\\\\n\nLABEL b=c\n', []],
    ['blanks after the escape', 'FROM scratch\nCOPY a \\  \n\n.\n', ['4 NoEmptyContinuation']],
  ],
  'ConsistentInstructionCasing (testConsistentInstructionCasing)': [
    [
      'mixed FROM',
      'From scratch as base\nFROM scratch AS base2\n',
      ['1 ConsistentInstructionCasing'],
    ],
    ['the minority', 'FROM scratch\ncopy a /\nCOPY b /\n', ['2 ConsistentInstructionCasing']],
    [
      'frOM in lower',
      'frOM scratch as base\nfrom scratch as base2\n',
      ['1 ConsistentInstructionCasing'],
    ],
    ['upper in lower', 'from scratch\nCOPY a /\ncopy b /\n', ['2 ConsistentInstructionCasing']],
    ['from in upper', 'from scratch\nCOPY a /\nCOPY b /\n', ['1 ConsistentInstructionCasing']],
    ['FROM in lower', 'FROM scratch\ncopy a /\ncopy b /\n', ['1 ConsistentInstructionCasing']],
    ['a draw is for upper', 'FROM scratch\nworkdir /a\n', ['2 ConsistentInstructionCasing']],
    ['all lower', 'from scratch\ncopy a /\n', []],
    ['ARGs before FROM do not vote', 'arg a=1\nFROM scratch\n', []],
  ],
  'DuplicateStageName (testDuplicateStageName)': [
    ['twice', 'FROM scratch AS b\nFROM scratch AS b\n', ['2 DuplicateStageName']],
    [
      'other case',
      'FROM scratch AS b\nFROM scratch AS B\n',
      ['2 DuplicateStageName', '2 StageNameCasing'],
    ],
    ['two names', 'FROM scratch AS b1\nFROM scratch AS b2\n', []],
  ],
  'ReservedStageName (testReservedStageName)': [
    [
      'both',
      'FROM scratch AS scratch\nFROM scratch AS context\n',
      ['1 ReservedStageName', '2 ReservedStageName'],
    ],
    ['as a base', 'FROM scratch\nFROM scratch AS a\n', []],
  ],
  'JSONArgsRecommended (testJSONArgsRecommended)': [
    ['CMD', 'FROM scratch\nCMD mycommand\n', ['2 JSONArgsRecommended']],
    ['ENTRYPOINT', 'FROM scratch\nENTRYPOINT mycommand\n', ['2 JSONArgsRecommended']],
    ['exec form', 'FROM scratch\nCMD ["a"]\nENTRYPOINT ["a"]\n', []],
    ['broken JSON is shell form', "FROM scratch\nCMD ['a']\n", ['2 JSONArgsRecommended']],
    ['SHELL says it is meant', 'FROM scratch\nSHELL ["/x"]\nCMD mycommand\n', []],
    ['SHELL of the stage below', 'FROM scratch AS a\nSHELL ["/x"]\nFROM a\nENTRYPOINT b\n', []],
    ['SHELL of the image', 'FROM img\nCMD a\n', [], { image: { Shell: ['/x'] } }],
    ['skipped', 'FROM scratch\n# check=skip=JSONArgsRecommended\nCMD a\n', []],
  ],
  'MaintainerDeprecated (testMaintainerDeprecated)': [
    ['MAINTAINER', 'FROM scratch\nMAINTAINER me@example.org\n', ['2 MaintainerDeprecated']],
    ['a label', 'FROM scratch\nLABEL org.opencontainers.image.authors="me"\n', []],
    ['skipped', 'FROM scratch\n# check=skip=MaintainerDeprecated\nMAINTAINER me\n', []],
  ],
  'UndefinedArgInFrom (testUndeclaredArg)': [
    ['declared', 'ARG base=scratch\nFROM $base\n', []],
    ['automatic', 'FROM --platform=$BUILDPLATFORM scratch\n', []],
    ['declared without a value', 'ARG DEBUG\nFROM scratch${DEBUG}\n', []],
    ['with its own default', 'ARG DEBUG\nFROM scra${DEBUG:-tch}\n', []],
    [
      'undeclared',
      'ARG tag=latest\nFROM busybox:${tag}${version} AS b\n',
      ['2 UndefinedArgInFrom'],
    ],
    ['also of a stage out of reach', 'FROM img$x AS a\nFROM scratch\n', ['1 UndefinedArgInFrom']],
    ['skipped', '# check=skip=UndefinedArgInFrom\nFROM scratch$x\n', []],
    ['skipped above', 'FROM img AS a\n# check=skip=UndefinedArgInFrom // known\nFROM img$x\n', []],
  ],
  'WorkdirRelativePath (testWorkdirRelativePath)': [
    ['the first', 'FROM scratch\nWORKDIR app/\n', ['2 WorkdirRelativePath']],
    ['only the first', 'FROM scratch\nWORKDIR a\nWORKDIR b\n', ['2 WorkdirRelativePath']],
    ['after an absolute one', 'FROM scratch\nWORKDIR /a\nWORKDIR b\n', []],
    ['of the stage below', 'FROM scratch AS a\nWORKDIR /app\nFROM a AS b\nWORKDIR subdir/\n', []],
    [
      'of the image',
      'FROM img\nWORKDIR b\n',
      ['2 WorkdirRelativePath'],
      { image: { WorkingDir: '/a' } },
    ],
    ['a variable', 'FROM scratch\nENV d=/x\nWORKDIR $d\n', []],
    ['skipped', 'FROM scratch\n# check=skip=WorkdirRelativePath\nWORKDIR app/\n', []],
  ],
  'UndefinedVar (testUnmatchedVars)': [
    ['declared', 'FROM scratch\nARG foo\nCOPY Dockerfile${foo} .\n', []],
    ['of the stage below', 'FROM img AS base\nARG foo=x\nFROM base\nCOPY $foo .\n', []],
    ["RUN is the shell's business", 'FROM img\nRUN echo $nope\n', []],
    ['before its ARG', 'FROM img\nCOPY $foo .\nARG foo=bar\n', ['2 UndefinedVar']],
    ['of the image', 'FROM img\nENV A=$PATH\n', []],
    ['PATH of scratch', 'FROM scratch\nENV PATH=$PATH:/x\n', []],
    ['told once an instruction', 'FROM scratch\nCOPY $a $a /$a\n', ['2 UndefinedVar']],
    ['two names', 'FROM scratch\nCOPY $a $b /\n', ['2 UndefinedVar', '2 UndefinedVar']],
    ['in a default of ARG', 'FROM scratch\nARG a=$nope\n', ['2 UndefinedVar']],
    ['ARGs of a line see each other', 'FROM scratch\nARG a=1 b=$a\n', []],
    ['also with a default', 'FROM scratch\nUSER ${nope:-me}\n', ['2 UndefinedVar']],
    ['a global ARG is not in the stage', 'ARG g=1\nFROM scratch\nUSER $g\n', ['3 UndefinedVar']],
    ['EXPOSE', 'FROM scratch\nEXPOSE $port\n', ['2 UndefinedVar']],
    [
      'only what the target reaches',
      'FROM scratch AS a\nUSER $x\nFROM scratch\nUSER $y\n',
      ['4 UndefinedVar'],
    ],
    ['skipped', 'FROM scratch\n# check=skip=UndefinedVar\nUSER $x\n', []],
  ],
  'MultipleInstructionsDisallowed (testMultipleInstructionsDisallowed)': [
    [
      'each of the three',
      'FROM scratch\nENTRYPOINT ["a"]\nENTRYPOINT ["b"]\nCMD ["a"]\nCMD ["b"]\nHEALTHCHECK CMD ["a"]\nHEALTHCHECK NONE\n',
      ['2', '4', '6'].map((line) => `${line} MultipleInstructionsDisallowed`),
    ],
    [
      'parted',
      'FROM scratch\nCMD ["a"]\nUSER a\nCMD ["b"]\n',
      ['2 MultipleInstructionsDisallowed'],
    ],
    [
      'three, told twice',
      'FROM scratch\nCMD ["a"]\nCMD ["b"]\nCMD ["c"]\n',
      ['2 MultipleInstructionsDisallowed', '3 MultipleInstructionsDisallowed'],
    ],
    ['one a stage', 'FROM scratch AS a\nCMD ["a"]\nFROM a\nCMD ["b"]\n', []],
  ],
  'LegacyKeyValueFormat (testLegacyKeyValueFormat)': [
    [
      'both',
      'FROM scratch\nENV k v\nLABEL k v\n',
      ['2 LegacyKeyValueFormat', '3 LegacyKeyValueFormat'],
    ],
    ['= in the value', 'FROM scratch\nENV k a=b\n', ['2 LegacyKeyValueFormat']],
    ['new form', 'FROM scratch\nENV k=v\nLABEL k=v\n', []],
    ['out of reach', 'FROM scratch AS a\nFROM a AS b\nENV k v\nFROM a AS c\n', []],
    [
      'out of reach, all stages',
      'FROM scratch AS a\nFROM a AS b\nENV k v\nFROM a AS c\n',
      ['3 LegacyKeyValueFormat'],
      { allStages: true },
    ],
    ['skipped', 'FROM scratch\n# check=skip=LegacyKeyValueFormat\nENV k v\n', []],
  ],
  'InvalidBaseImagePlatform (testBaseImagePlatformMismatch)': [
    ['another architecture', 'FROM other\nENV foo=bar\n', ['1 InvalidBaseImagePlatform']],
    ['the same', 'FROM img\nENV foo=bar\n', []],
    ['skipped', '# check=skip=InvalidBaseImagePlatform\nFROM other\n', []],
  ],
  'RedundantTargetPlatform (testRedundantTargetPlatform)': [
    ['$TARGETPLATFORM', 'FROM --platform=$TARGETPLATFORM scratch\n', ['1 RedundantTargetPlatform']],
    [
      '${TARGETPLATFORM}',
      'FROM --platform=${TARGETPLATFORM} scratch\n',
      ['1 RedundantTargetPlatform'],
    ],
    ['$BUILDPLATFORM', 'FROM --platform=$BUILDPLATFORM scratch\n', []],
    ['a part of it', 'FROM --platform=$TARGETOS/$TARGETARCH scratch\n', []],
    [
      'skipped',
      '# check=skip=RedundantTargetPlatform\nFROM --platform=$TARGETPLATFORM scratch\n',
      [],
    ],
  ],
  'SecretsUsedInArgOrEnv (testSecretsUsedInArgOrEnv)': [
    ['ARG', 'FROM scratch\nARG SECRET_PASSPHRASE\n', ['2 SecretsUsedInArgOrEnv']],
    ['ENV', 'FROM scratch\nENV SUPER_Secret=foo\n', ['2 SecretsUsedInArgOrEnv']],
    [
      'each of a line',
      'FROM scratch\nENV password=bar secret=baz\n',
      ['2 SecretsUsedInArgOrEnv', '2 SecretsUsedInArgOrEnv'],
    ],
    [
      'two ARGs',
      'FROM scratch\nARG super_duper_secret_token=foo auth=bar\n',
      ['2 SecretsUsedInArgOrEnv', '2 SecretsUsedInArgOrEnv'],
    ],
    ['apikey', 'FROM scratch\nENV apikey=bar sunflower=foo\n', ['2 SecretsUsedInArgOrEnv']],
    ['a key', 'FROM scratch\nENV git_key=\n', ['2 SecretsUsedInArgOrEnv']],
    ...[
      'PUBLIC_KEY',
      'public_token',
      'SECRET_PASSPHRASE_FILE',
      'AUTH_MODULE_VERSION',
      'MONKEY',
      'keyboard',
      'AUTHOR',
      'tokens',
    ].map((name): Row => [`not ${name}`, `FROM scratch\nARG ${name}\nENV ${name}=a\n`, []]),
    ...['credential', 'credentials', 'pword', 'PASSWD', 'my_token', 'KEY_ID', 'a_auth_b'].map(
      (name): Row => [name, `FROM scratch\nENV ${name}=a\n`, ['2 SecretsUsedInArgOrEnv']],
    ),
    ['an expanded name', 'FROM scratch\nARG n=my_secret\nENV $n=a\n', ['3 SecretsUsedInArgOrEnv']],
    ['not of global ARGs', 'ARG password\nFROM scratch\n', []],
    [
      'skipped, with a remark',
      'FROM scratch\n# check=skip=SecretsUsedInArgOrEnv // on purpose\nENV password=bar\n',
      [],
    ],
    [
      'all skipped, for one',
      'FROM scratch\n# check=skip=all // here\nARG password\nENV password=a\n',
      ['4 SecretsUsedInArgOrEnv'],
    ],
  ],
  'InvalidDefaultArgInFrom (testInvalidDefaultArgInFrom)': [
    [
      'a tag without default',
      'ARG VERSION\nFROM busybox:$VERSION\n',
      ['2 InvalidDefaultArgInFrom'],
      { buildArgs: { VERSION: 'latest' } },
    ],
    [
      'an image without default',
      'ARG IMAGE\nFROM $IMAGE\n',
      ['2 InvalidDefaultArgInFrom'],
      { buildArgs: { IMAGE: 'busybox' } },
    ],
    [
      'a default that is no tag',
      'ARG SFX="box:"\nFROM busy${SFX}\n',
      ['2 InvalidDefaultArgInFrom'],
      { buildArgs: { SFX: 'box:latest' } },
    ],
    [
      'a default',
      'ARG VERSION="latest"\nFROM busybox:${VERSION}\n',
      [],
      { buildArgs: { VERSION: 'latest' } },
    ],
    ['an empty end', 'ARG V=""\nFROM busybox:stable${V}\n', [], { buildArgs: { V: '-musl' } }],
    ['none, at the end', 'ARG V\nFROM busybox:stable${V}\n', [], { buildArgs: { V: '-musl' } }],
    [
      'skipped above',
      'ARG V\n# check=skip=InvalidDefaultArgInFrom\nFROM busybox:$V\n',
      [],
      { buildArgs: { V: '1' } },
    ],
  ],
  'FromPlatformFlagConstDisallowed (testFromPlatformFlagConstDisallowed)': [
    ['a constant', 'FROM --platform=linux/amd64 scratch\n', ['1 FromPlatformFlagConstDisallowed']],
    ['named after its architecture', 'FROM --platform=linux/amd64 scratch AS my_amd64_stage\n', []],
    ['named after its system', 'FROM --platform=linux/amd64 scratch AS linux\n', []],
    [
      'named otherwise',
      'FROM --platform=linux/amd64 scratch AS a\n',
      ['1 FromPlatformFlagConstDisallowed'],
    ],
  ],
  'InvalidDefinitionDescription (testDefinitionDescription)': [
    [
      'in form',
      `# check=skip=all;experimental=InvalidDefinitionDescription
# foo this is the foo
ARG foo=bar

# base this is the base image
FROM scratch AS base

# version this is the version number
ARG version=latest

# baz this is the baz
ARG foo=baz bar=qux baz=quux
#
ARG bit=bat

# comment for something other than ARG or FROM
COPY Dockerfile .
`,
      [],
    ],
    [
      'not in form',
      `# check=experimental=InvalidDefinitionDescription
# bar this is the bar
ARG foo=bar
# BasE this is the BasE image
FROM scratch AS base
# definitely a bad comment
ARG version=latest
# definitely a bad comment
ARG foo=baz bar=qux baz=quux
`,
      ['3', '5', '7', '9'].map((line) => `${line} InvalidDefinitionDescription`),
    ],
    ['off by itself', '# bar\nARG foo=bar\nFROM scratch\n', []],
    [
      'all experimental rules',
      '# check=experimental=all\n# bar\nARG foo=bar\nFROM scratch\n',
      ['3 InvalidDefinitionDescription'],
    ],
    [
      'skip=all leaves it on',
      '# check=experimental=all;skip=all\n# bar\nARG foo=bar\nFROM scratch\n',
      ['3 InvalidDefinitionDescription'],
    ],
    [
      'a check comment is none',
      '# check=experimental=all\nFROM scratch\n# foo is it\n# check=skip=all\nARG foo\n',
      [],
    ],
  ],
  'ExposeProtoCasing (testExposeProtoCasing)': [
    [
      'each',
      'FROM scratch\nEXPOSE 80/TcP 8080/TCP 8080/udp\n',
      ['2 ExposeProtoCasing', '2 ExposeProtoCasing'],
    ],
    ['of a variable', 'FROM scratch\nENV p="80/TCP 81"\nEXPOSE $p\n', ['3 ExposeProtoCasing']],
  ],
  'ExposeInvalidFormat (testExposeInvalidFormat)': [
    [
      'addresses and host ports',
      'FROM scratch\nEXPOSE 127.0.0.1:80:80 [::1]:8080:8080 5000:5000 8000\n',
      ['2 ExposeInvalidFormat', '2 ExposeInvalidFormat', '2 ExposeInvalidFormat'],
    ],
    ['ranges', 'FROM scratch\nEXPOSE 8000-8010/udp\n', []],
  ],
};

for (const [rule, rows] of Object.entries(RULES)) {
  describe(rule, () => {
    for (const [what, text, expected, options] of rows) {
      test(what, async () => {
        const { short, error } = await lint(text, options);
        assert.equal(error?.message, undefined);
        assert.deepEqual(short, expected);
      });
    }
  });
}
