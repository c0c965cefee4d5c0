import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { check } from '../../src/api.js';
import { type Outcome, staveWorld, type StaveWorld } from '../helpers/stave.js';

/** Each folder of fixtures/check is a context; beside its Dockerfile lies what each call prints. UPDATE=1 rewrites. */
const CHECK = 'fixtures/check';
const CALLS: Readonly<Record<string, readonly string[]>> = {
  'check.txt': ['--check'],
  'check.json': ['--call=check,format=json'],
  'check.sarif': ['--check', '--format=sarif'],
  'outline.txt': ['--call=outline'],
  'outline.json': ['--call=outline,format=json'],
  'targets.txt': ['--call=targets'],
  'targets.json': ['--call=targets,format=json'],
};

for (const name of readdirSync(CHECK).sort()) {
  describe(`asked instead of built: ${name}`, () => {
    for (const [file, args] of Object.entries(CALLS)) {
      test(file, () => {
        using world = staveWorld();
        const context = join(CHECK, name);
        const outcome = world.run('build', ...args, context);
        assert.doesNotMatch(outcome.stderr, /^\s+at .*:\d+:\d+/m, 'no stack trace');
        golden(join(context, file), printed(outcome));
        assert.equal(existsSync(world.root), false, 'no store is made');
        if (file.endsWith('.txt')) return;
        assert.doesNotThrow(
          () => JSON.parse(outcome.stdout === '' ? '{}' : outcome.stdout) as unknown,
        );
      });
    }
  });
}

function printed({ status, stdout, stderr }: Outcome): string {
  const shown = stdout.replace(/"version": "0\.[^"]*"/, '"version": "(ours)"');
  return `${shown}${stderr === '' ? '' : `--- stderr\n${stderr}`}--- exit code ${String(status)}\n`;
}

function golden(file: string, actual: string): void {
  if (process.env['UPDATE'] === '1') writeFileSync(file, actual);
  assert.equal(actual, readFileSync(file, 'utf8'));
}

describe('exit codes and options', () => {
  const bad = join(CHECK, 'violations');
  const rows: readonly (readonly [args: readonly string[], status: number, stderr?: RegExp])[] = [
    [['--check', join(CHECK, 'clean')], 0],
    [['--check', bad], 1],
    [['--check', '--call=check', bad], 1],
    [['--call=lint', bad], 1],
    [['--call=frontend.lint', bad], 1],
    [['--call=check,ignorestatus=1', bad], 0],
    [['--call=check,ignorestatus=true,format=json', bad], 0],
    [['--call=check,ignorestatus=1', join(CHECK, 'broken')], 1, /unknown instruction: COPPY/],
    [['--check', '--build-arg=BUILDKIT_DOCKERFILE_CHECK=skip=all', bad], 0],
    [['--check', '--target=nope', bad], 1, /target stage "nope" could not be found/],
    [['--check', 'no-such-directory'], 1, /not found/],
    [['--check', '--call=outline', bad], 1, /cannot be used together/],
    [['--call=outlin', bad], 1, /did you mean outline\?/],
    [['--call=check,format=jsn', bad], 1, /did you mean json\?/],
    [['--call=check,fromat=json', bad], 1, /did you mean format\?/],
    [['--call=outline,format=sarif', bad], 1, /has no format sarif/],
    [['--call=frontend.convertllb', bad], 1, /not supported/],
    [['--format=json', bad], 1, /--format needs/],
  ];
  for (const [args, status, stderr] of rows) {
    test(args.join(' '), () => {
      using world = staveWorld();
      const outcome = world.run('build', ...args);
      assert.equal(outcome.status, status, outcome.stdout + outcome.stderr);
      if (stderr !== undefined) assert.match(outcome.stderr, stderr);
    });
  }
});

test('requests are advertised with a version (testOutlineDescribeDefinition, testTargetsDescribeDefinition)', () => {
  using world = staveWorld();
  const { stdout } = world.ok(
    'build',
    '--call=subrequests.describe,format=json',
    join(CHECK, 'clean'),
  );
  const requests = JSON.parse(stdout) as { name: string; type: string; version: string }[];
  for (const name of ['frontend.outline', 'frontend.targets', 'frontend.lint']) {
    const found = requests.find((request) => request.name === name);
    assert.deepEqual([found?.type, found?.version], ['rpc', '1.0.0']);
  }
  const text = world.ok('build', '--call=subrequests.describe', join(CHECK, 'clean')).stdout;
  assert.match(text, /^NAME +VERSION DESCRIPTION\noutline +1\.0\.0 /);
});

test('SARIF has what the standard requires, and its indices are right', () => {
  using world = staveWorld();
  const { stdout } = world.run('build', '--call=check,format=sarif', join(CHECK, 'violations'));
  const { $schema, version, runs } = JSON.parse(stdout) as Sarif;
  assert.match($schema, /sarif-schema-2\.1\.0\.json$/);
  assert.equal(version, '2.1.0');
  const [run] = runs;
  assert.ok(run);
  assert.equal(run.tool.driver.name, 'stave');
  assert.ok(run.results.length > 5);
  for (const { ruleId, ruleIndex, level, message, locations } of run.results) {
    assert.equal(run.tool.driver.rules[ruleIndex]?.id, ruleId);
    assert.equal(level, 'warning');
    assert.ok(message.text.length > 0);
    const { artifactLocation, region } = locations[0].physicalLocation;
    assert.equal(artifactLocation.uri, 'fixtures/check/violations/Dockerfile');
    assert.ok(region.startLine >= 1 && region.endLine >= region.startLine);
  }
});

interface Sarif {
  readonly $schema: string;
  readonly version: string;
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly name: string; readonly rules: { id: string }[] } };
    readonly results: readonly {
      readonly ruleId: string;
      readonly ruleIndex: number;
      readonly level: string;
      readonly message: { readonly text: string };
      readonly locations: readonly [
        {
          readonly physicalLocation: {
            readonly artifactLocation: { readonly uri: string };
            readonly region: { readonly startLine: number; readonly endLine: number };
          };
        },
      ];
    }[];
  }[];
}

/** A context of one Dockerfile. */
function contextOf(world: StaveWorld, name: string, dockerfile: string): string {
  const dir = join(world.dir, name);
  mkdirSync(dir);
  writeFileSync(join(dir, 'Dockerfile'), dockerfile);
  return dir;
}

test('a build tells its warnings last, quiet tells none, error=true fails it after all', () => {
  using world = staveWorld();
  const dir = contextOf(world, 'c', 'FROM scratch as base\nCOPY Dockerfile /\n');
  const { stderr } = world.ok('build', '--progress=plain', dir);
  assert.match(stderr, /^#1 WARN: FromAsCasing: .* \(line 1\)$/m);
  assert.match(
    stderr,
    /\n\n 1 warning found .*:\n - FromAsCasing: .* \(line 1\)\n {3}1 \| FROM scratch as base\n/,
  );
  assert.equal(world.ok('build', '-q', dir).stderr, '');
  const raw = world.ok('build', '--progress=rawjson', dir).stderr.split('\n');
  const line = raw.find((each) => each.startsWith('{"warnings"')) ?? '';
  const [warning] = (JSON.parse(line) as { warnings: { short: string; url: string }[] }).warnings;
  assert.match(Buffer.from(warning?.short ?? '', 'base64').toString(), /^FromAsCasing: /);
  assert.match(warning?.url ?? '', /from-as-casing/);
  const failed = world.run(
    'build',
    '-q',
    '-t',
    'x',
    '--build-arg=BUILDKIT_DOCKERFILE_CHECK=error=true',
    dir,
  );
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /lint violation found for rules: FromAsCasing/);
  assert.equal(world.run('image', 'inspect', 'x').status, 1);
});

test('a failed build tells its warnings too (testWarningsBeforeError)', () => {
  using world = staveWorld();
  const dir = contextOf(world, 'c', 'FROM scratch AS BadStageName\nMAINTAINER me\nBADCMD\n');
  const { status, stderr } = world.run('build', dir);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /StageNameCasing[^]*MaintainerDeprecated[^]*ERROR: .*:3: unknown instruction: BADCMD/,
  );
});

test('the ignore file of the context, also one of bytes and one with exceptions', () => {
  using world = staveWorld();
  const dir = contextOf(world, 'c', 'FROM scratch\nCOPY é.txt kept.txt /\n');
  for (const file of ['é.txt', 'kept.txt']) writeFileSync(join(dir, file), '');
  writeFileSync(join(dir, '.dockerignore'), 'é*\n');
  assert.match(world.run('build', '--check', dir).stdout, /Attempting to Copy file "é\.txt"/);
  writeFileSync(join(dir, '.dockerignore'), '*\n!é.txt\n!kept.txt\n');
  assert.equal(world.run('build', '--check', dir).status, 0);
});

test('an image that cannot be had is the build error; what does not need it is still looked at', () => {
  using world = staveWorld();
  const text = 'FROM localhost:1/none AS a\nUSER $undefined\nARG my_token\nFROM scratch\nCMD x\n';
  const { status, stdout, stderr } = world.run('build', '--check', contextOf(world, 'c', text));
  assert.equal(status, 1);
  assert.match(stderr, /^ERROR: .*:1: /m);
  assert.match(stdout, /SecretsUsedInArgOrEnv[^]*JSONArgsRecommended/);
  assert.doesNotMatch(stdout, /UndefinedVar/);
});

test('check() of the API gives the same as values', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'stave-check-'));
  try {
    writeFileSync(join(dir, 'Dockerfile'), 'FROM scratch AS a\nCMD x\nFROM scratch AS b\n');
    const all = await check({ context: dir });
    assert.deepEqual(
      all.warnings.map(({ ruleName, range }) => [ruleName, range.startLine]),
      [['JSONArgsRecommended', 2]],
    );
    assert.equal(all.buildError, undefined);
    assert.deepEqual((await check({ context: dir, target: 'b' })).warnings, []);
    await assert.rejects(check({ context: join(dir, 'nope') }), /not found/);
    const gone = { context: dir, signal: AbortSignal.abort(new Error('enough')) };
    await assert.rejects(check(gone), /enough/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('--call=outline lists secrets, ssh and cache mounts (testOutlineSecrets)', () => {
  using world = staveWorld();
  const dockerfile =
    'FROM scratch AS unused\nRUN --mount=type=secret,id=other true\nFROM scratch AS base\n' +
    'ARG BAR=678\nRUN --mount=type=secret,target=/etc/passwd,required=true --mount=type=ssh true\n' +
    'FROM base\nARG BAR\nRUN --mount=type=secret,id=second$BAR --mount=type=cache,target=/c true\n' +
    'RUN --mount=type=ssh,id=ssh3,required true\n';
  writeFileSync(join(world.dir, 'Dockerfile'), dockerfile);
  const { stdout } = world.ok('build', '--call=outline,format=json', world.dir);
  const outline = JSON.parse(stdout) as Record<string, readonly { name?: string; id?: string }[]>;
  const names = (key: string): unknown => outline[key]?.map(({ name, id }) => name ?? id);
  assert.deepEqual(names('secrets'), ['passwd', 'second678']);
  assert.deepEqual(names('ssh'), ['default', 'ssh3']);
  assert.equal(outline['cache']?.length, 1);
});
