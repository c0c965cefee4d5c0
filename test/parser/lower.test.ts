import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failure, graphText, planOf } from '../helpers/plan-text.js';

const title = (text: string): string => text.split(' | ')[0] ?? '';

async function titles(text: string, options = {}): Promise<string[]> {
  return graphText(await planOf(text, options))
    .split('\n')
    .map(title);
}

async function graph(text: string, options = {}): Promise<string> {
  return `\n${graphText(await planOf(text, options))}\n`;
}

describe('the graph of a Dockerfile (TestDockerfileParsing)', () => {
  test('several stages: what the target reaches, inputs first', async () => {
    const resolved: string[] = [];
    const text = `FROM golang AS build
WORKDIR /src
COPY . .
RUN go build

FROM nowhere AS unused
RUN never

FROM alpine
COPY --from=build /src/app /app
COPY --from=0 /src/app --from=nginx /b/
CMD ["/app"]`;
    assert.equal(
      await graph(text.replace(' --from=nginx', ''), { resolved }),
      `
1 <> [stage-2 1/3] FROM alpine | alpine
2 <> [build 1/4] FROM golang | golang
3 <2> [build 2/4] WORKDIR /src | /src
4 <3> [build 3/4] COPY . . | context . -> /src/
5 <4> [build 4/4] RUN go build | ["/bin/sh","-c","go build"] /src
6 <1 5> [stage-2 2/3] COPY --from=build /src/app /app | input /src/app -> /app
7 <6 5> [stage-2 3/3] COPY --from=0 /src/app /b/ | input /src/app -> /b/
target 7
`,
    );
    assert.deepEqual(resolved, ['alpine', 'golang']);
  });

  test('F6 --from an image, F7 from scratch', async () => {
    assert.equal(
      await graph('FROM scratch\nCOPY --from=nginx:1 /etc/nginx /n\nCOPY --from=scratch / /'),
      `
1 <> FROM scratch | scratch
2 <> FROM nginx:1 | nginx:1
3 <1 2> [1/2] COPY --from=nginx:1 /etc/nginx /n | input /etc/nginx -> /n
4 <3 1> [2/2] COPY --from=scratch / / | input / -> /
target 4
`,
    );
  });

  test('F8 a child stage has all of its parent but the triggers', async () => {
    const plan = await planOf(`FROM a AS base
ENV A=1
ARG B=2
WORKDIR /w
USER u
SHELL ["/bin/x"]
CMD c
ONBUILD RUN trigger $A

FROM base AS child
RUN own
FROM child
RUN grandchild`);
    assert.equal(
      `\n${graphText(plan)}\n`,
      `
1 <> [base 1/2] FROM a | a
2 <1> [base 2/2] WORKDIR /w | /w
3 <2> [child 1/2] ONBUILD RUN trigger 1 | ["/bin/x","trigger $A"] ENV A=1 ARG B=2 /w
4 <3> [child 2/2] RUN own | ["/bin/x","own"] ENV A=1 ARG B=2 /w
5 <4> [stage-2 1/1] RUN grandchild | ["/bin/x","grandchild"] ENV A=1 ARG B=2 /w
target 5
`,
    );
    assert.equal(plan.config.config?.OnBuild, undefined);
    assert.deepEqual(plan.config.config?.Cmd, ['/bin/x', 'c']);
  });

  test('O2 O3 triggers of an image, which bring a stage in', async () => {
    const images = {
      base: { OnBuild: ['COPY --from=tools /t /t', 'run cat <<A\nx\nA', 'ENV X=$Y'] },
    };
    assert.equal(
      await graph('FROM alpine AS tools\nRUN make /t\nFROM base\nRUN y', { images }),
      `
1 <> [stage-1 1/4] FROM base | base
2 <> [tools 1/2] FROM alpine | alpine
3 <2> [tools 2/2] RUN make /t | ["/bin/sh","-c","make /t"] /
4 <1 3> [stage-1 2/4] ONBUILD COPY --from=tools /t /t | input /t -> /t
5 <4> [stage-1 3/4] ONBUILD RUN cat <<A | ["/bin/sh","-c","cat <<A\\nx\\nA"] /
6 <5> [stage-1 4/4] RUN y | ["/bin/sh","-c","y"] ENV X= /
target 6
`,
    );
  });

  test('O4 a trigger that cannot be is told at FROM', async () => {
    const images = {
      base: { OnBuild: ['NOPE x', 'RUN a\nRUN b', 'FROM a', 'COPY --from=later / /'] },
    };
    assert.deepEqual(
      await failure('FROM base AS b\nFROM b\nFROM a AS later', { images, target: 'b' }),
      [
        '1: unknown instruction: NOPE',
        '1: onbuild trigger should be a single expression: RUN a',
        "1: FROM isn't allowed as an ONBUILD trigger",
        '1: cannot copy from stage "later", it needs to be defined before current stage "b" (move stage later above line 1)',
      ],
    );
  });

  test('the same stage twice is one vertex', async () => {
    const text = 'FROM a AS x\nRUN same\nFROM a AS y\nRUN same\nFROM x\nCOPY --from=y / /';
    assert.equal((await planOf(text)).vertices.length, 3);
  });
});

describe('N2 titles (testStepNames)', () => {
  test('the index is as wide as the total', async () => {
    const runs = Array.from({ length: 9 }, (_, i) => `RUN ${String(i)}`).join('\n');
    const got = await titles(`FROM a\n${runs}`);
    assert.equal(got[0], '1 <> [ 1/10] FROM a');
    assert.equal(got[8], '9 <8> [ 9/10] RUN 7');
    assert.equal(got[9], '10 <9> [10/10] RUN 8');
  });
  test('values are shown, the rest is kept', async () => {
    const got = await titles(
      'FROM a\nARG V=1\nrun echo $V "${V}" \'$V\' $NO\nCOPY a-$V /\nRUN <<E\n\necho $V\nb\nE\nRUN \\\n  x',
    );
    assert.deepEqual(got.slice(1, -1), [
      '2 <1> [2/5] RUN echo 1 "1" \'$V\' $NO',
      '3 <2> [3/5] COPY a-1 /',
      '4 <3> [4/5] RUN <<E (echo 1...)',
      '5 <4> [5/5] RUN x',
    ]);
  });
  test('an only stage has no name; a WORKDIR / counts and is no step', async () => {
    assert.deepEqual(await titles('FROM a\nWORKDIR /\nWORKDIR x\nRUN y'), [
      '1 <> [1/4] FROM a',
      '2 <1> [3/4] WORKDIR x',
      '3 <2> [4/4] RUN y',
      'target 3',
    ]);
    assert.deepEqual(await titles('FROM a AS Named\nRUN y'), [
      '1 <> [named 1/2] FROM a',
      '2 <1> [named 2/2] RUN y',
      'target 2',
    ]);
  });
});

/** The command of the last RUN is `env`; what it sees, but for PATH. */
async function seen(text: string, options = {}): Promise<string> {
  const { target } = await planOf(text, options);
  assert.equal(target.op.kind, 'exec');
  return target.op.env
    .filter(({ name }) => name !== 'PATH')
    .map(({ name, value }) => `${name}=${value}`)
    .join(' ');
}

describe('A1-A13 variables', () => {
  const rows: readonly (readonly [
    name: string,
    text: string,
    expected: string,
    buildArgs?: object,
  ])[] = [
    ['a global ARG is not in a stage', 'ARG G=1\nFROM a\nRUN env', ''],
    ['but where it is declared', 'ARG G=1\nFROM a\nARG G\nRUN env', 'G=1'],
    ['a local default wins', 'ARG G=1\nFROM a\nARG G=2\nRUN env', 'G=2'],
    ['a build argument wins over both', 'ARG G=1\nFROM a\nARG G=2\nRUN env', 'G=3', { G: '3' }],
    ['and its default is not evaluated', 'FROM a\nARG G=${X:?}\nRUN env', 'G=3', { G: '3' }],
    ['a build argument without ARG is nothing', 'FROM a\nRUN env', '', { G: '3' }],
    [
      'global defaults see those before',
      'ARG A=1 B=$A\nARG C=$B$NO\nFROM a\nARG C\nRUN env',
      'C=1',
    ],
    ['A13 quotes', 'ARG A="x y" B=\'$A\'\nFROM a\nARG A B\nRUN env', 'A=x y B=$A'],
    ['X9 one ENV sees what was before it', 'FROM a\nENV A=1\nENV A=2 B=$A\nRUN env', 'A=2 B=1'],
    ['X9 one ARG sees itself', 'FROM a\nARG A=1 B=$A\nRUN env', 'A=1 B=1'],
    ['X10 keys are expanded', 'FROM a\nENV K=key\nENV ${K}_$K=v\nRUN env', 'K=key key_key=v'],
    ['A3 the last of ARG and ENV', 'FROM a\nENV A=env\nARG A=arg\nRUN env', 'A=arg'],
    ['A3 and the other way', 'FROM a\nARG A=arg\nENV A=env\nRUN env', 'A=env'],
    ['A4 without a value', 'FROM a\nARG A\nARG B=\nRUN env', 'B='],
    ['A6 child stages', 'FROM a AS p\nARG A=1\nFROM p\nRUN env', 'A=1'],
    [
      'A8 proxies need no declaration',
      'FROM a\nRUN env',
      'HTTP_PROXY=h http_proxy=h',
      { http_proxy: 'h' },
    ],
    [
      'A9 platform',
      'FROM a\nARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT TARGETSTAGE BUILDPLATFORM\nRUN env',
      'TARGETPLATFORM=linux/amd64 TARGETOS=linux TARGETARCH=amd64 TARGETVARIANT= TARGETSTAGE=default BUILDPLATFORM=linux/amd64',
    ],
    ['A9 only where declared', 'FROM a\nENV X=$TARGETOS\nRUN env', 'X='],
    ['A9 a default of its own wins', 'FROM a\nARG TARGETOS=plan9\nRUN env', 'TARGETOS=plan9'],
    ['A12 old form', 'FROM a\nENV A b "c"  d\nRUN env', 'A=b c  d'],
    ['a name that every object has', 'FROM a\nARG constructor __proto__\nRUN env', ''],
    [
      'a name that no object should have',
      'FROM a\nARG __proto__=1\nENV toString=2\nRUN env',
      '__proto__=1 toString=2',
    ],
  ];
  for (const [name, text, expected, buildArgs] of rows) {
    test(name, async () => {
      assert.equal(await seen(text, buildArgs === undefined ? {} : { buildArgs }), expected);
    });
  }
  test('A1 in FROM', async () => {
    const resolved: string[] = [];
    await planOf('ARG V=1.2 IMG=node\nFROM ${IMG}:${V%.*} AS x\nFROM x', { resolved });
    assert.deepEqual(resolved, ['node:1']);
  });
  test('Y1 the history of a RUN names the ARGs in scope', async () => {
    const { history } = await planOf(
      'FROM a\nARG B=1 A\nARG B=2\nENV E=3\nRUN x "y"\nRUN ["x", "y"]',
    );
    assert.deepEqual(
      history.map(({ createdBy }) => createdBy),
      [
        'ARG B=1 A',
        'ARG B=2',
        'ENV E=3',
        'RUN |2 B=2 A= /bin/sh -c x "y" # buildkit',
        'RUN |2 B=2 A= x y # buildkit',
      ],
    );
  });
});

describe('F2-F5 F11 names of stages', () => {
  test('case does not matter (testMultiStageCaseInsensitive)', async () => {
    const text =
      'FROM a AS STAge0\nRUN x\nFROM a AS staGE1\nCOPY --from=staGE0 b c\nFROM stage1\nRUN y';
    const resolved: string[] = [];
    assert.equal((await titles(text, { resolved })).length, 5);
    assert.deepEqual(resolved, ['a', 'a']);
    assert.equal((await planOf(text, { target: 'STAGE1' })).targetName, 'stage1');
    // But for FROM, which takes a stage's name as it is kept.
    const upper: string[] = [];
    await planOf('FROM a AS Base\nFROM Base\nRUN y', { resolved: upper });
    assert.deepEqual(upper, ['Base']);
  });
  test('F3 a name used twice (testDuplicateStageName)', async () => {
    const text = 'FROM a AS s\nRUN 1\nFROM s AS s\nRUN 2\nFROM s\nCOPY --from=s / /';
    assert.deepEqual(await titles(text), [
      '1 <> [s 1/2] FROM a',
      '2 <1> [s 2/2] RUN 1',
      '3 <2> [s 1/1] RUN 2',
      '4 <3 3> [stage-2 1/1] COPY --from=s / /',
      'target 4',
    ]);
    assert.deepEqual(
      await titles(text, { target: 's' }),
      (await titles(text)).slice(0, 3).concat('target 3'),
    );
  });
  test('F4 a stage that is not reached may be wrong', async () => {
    const text =
      'FROM ${NO} AS bad\nCOPY --from=later / /\nENV X=${\nFROM a\nRUN x\nFROM a AS later';
    await planOf(text, { target: 'later' });
    assert.deepEqual(await failure(text, { target: 'bad' }), [
      '1: base name (${NO}) should not be blank (put ARG NO=image before the first FROM)',
    ]);
  });
  test('a later stage as base is an image', async () => {
    const resolved: string[] = [];
    await planOf('FROM later\nFROM a AS later', { resolved, target: 'later' });
    await planOf('FROM later AS x\nFROM a AS later\nFROM x', { resolved });
    assert.deepEqual(resolved, ['a', 'later']);
  });
  test('F11 targets', async () => {
    const text = 'FROM a AS one\nFROM a AS two';
    assert.deepEqual(await failure(text, { target: 'twoo' }), [
      'target stage "twoo" could not be found in Dockerfile (did you mean two?)',
    ]);
    assert.deepEqual(await failure('FROM a', { target: 'zzz' }), [
      'target stage "zzz" could not be found in Dockerfile (no stage of it has a name)',
    ]);
  });
});

describe('all problems of what is reached are told at once', () => {
  test('of several stages, in the order of the file', async () => {
    const text = `FROM a AS build
COPY --from=nope:1 / /
LABEL x=\${X
WORKDIR \${NO:?set NO}
STOPSIGNAL SIGNOPE
EXPOSE x
FROM a AS stage
COPY --from=biuld / /
COPY --from=build / /
COPY --from=stage / /
COPY --from=last / /
COPY --from=7 / /
FROM \${NO} AS last
FROM stage
COPY --from=last / /`;
    assert.deepEqual(await failure(text), [
      "3: syntax error: missing '}'",
      '4: NO: set NO',
      '5: invalid signal: SIGNOPE',
      '6: invalid containerPort: x (write 80, 80/tcp or 8000-8010/udp)',
      '8: no stage "biuld" (did you mean --from=build?)',
      '10: circular dependency detected on stage: stage',
      '11: cannot copy from stage "last", it needs to be defined before current stage "stage" (move stage last above line 7)',
      '12: invalid stage index 7: stages are counted from 0, the last is 3',
      '13: base name (${NO}) should not be blank (put ARG NO=image before the first FROM)',
    ]);
  });
  test('what follows from a variable that failed is not', async () => {
    const text = 'FROM a\nENV A="${B:?no B}"\nWORKDIR ${A:?no A}\nCOPY ${ /';
    assert.deepEqual(await failure(text), ['2: B: no B']);
  });
});

test('C5 a chain of stages longer than the stack, and ARGs that double', async () => {
  const chain = Array.from({ length: 20_000 }, (_, i) => `FROM s${String(i)} AS s${String(i + 1)}`);
  const { vertices } = await planOf(`FROM a AS s0\n${chain.join('\n')}`);
  assert.equal(vertices.length, 1);
  const double = Array.from(
    { length: 60 },
    (_, i) => `ARG A${String(i + 1)}=$A${String(i)}$A${String(i)}`,
  );
  assert.deepEqual(await failure(`FROM a\nARG A0=x\n${double.join('\n')}\nRUN x`), [
    '23: the expanded text is longer than 1 MiB (put large texts into files)',
  ]);
});
