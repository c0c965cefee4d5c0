import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';

// What runs the tests: scripts/run-tests.mjs, scripts/needs-machine.mjs.

/** What is the machine's, by the words that ask for it; and the files that write them and yet disturb nobody. */
const OF_THE_MACHINE: readonly (readonly [
  what: string,
  words: RegExp,
  harmless?: Readonly<Record<string, string>>,
])[] = [
  [
    'a network',
    /\bSTAVE_NETWORK\b/,
    {
      'test/helpers/stave.ts': 'every other world has the host’s own',
      'test/e2e/rungs.test.ts': 'the host’s own',
    },
  ],
  [
    'the bridges, addresses and rules of the host',
    /'(?:ip|nft|ip6?tables(?:-save)?)'|'\/sys\/class\/net\b|\bbr-\$/,
  ],
  [
    'podman, whose locks are those of all podmans of a user',
    /\(\s*'podman'/,
    { 'test/helpers/locked-container.ts': 'with locks and a directory of its own' },
  ],
  [
    'a docker with a bridge',
    /\bdockerPeer\([^)]*,|--iptables(?!=false)/,
    { 'test/helpers/peers.ts': 'makes it for who asks' },
  ],
];

const tests = filesBelow('test').filter(
  (file) => /\.test\.tsx?$/.test(file) && file !== 'test/run-tests.test.ts',
);

for (const [what, words, harmless = {}] of OF_THE_MACHINE) {
  test(`who asks for ${what} runs alone`, async () => {
    const needsMachine = await theirRule();
    const asks = (file: string): boolean =>
      words.test(readFileSync(file, 'utf8')) && !Object.hasOwn(harmless, file);
    const asking = tests.filter((file) => withImports(file).some(asks));
    assert.ok(asking.length > 0, 'nobody asks for it: the words are out of date');
    assert.deepEqual(
      asking.filter((file) => !needsMachine(file)),
      [],
    );
    const idle = Object.keys(harmless).filter((file) => !words.test(readFileSync(file, 'utf8')));
    assert.deepEqual(idle, []);
  });
}

test('most test files run two at a time', async () => {
  const needsMachine = await theirRule();
  const alone = tests.filter((file) => needsMachine(file)).length;
  assert.ok(alone < tests.length / 5, `${String(alone)} of ${String(tests.length)} run alone`);
});

test('a run that ends before its first test is one that failed', () => {
  const build = mkdtempSync(join(tmpdir(), 'stave-run-tests-'));
  try {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const run = spawnSync(
      process.execPath,
      ['scripts/run-tests.mjs', 'test/tidy.test.ts', '--', '--no-such-flag'],
      { encoding: 'utf8', env: { ...env, STAVE_TEST_BUILD: build } },
    );
    assert.match(run.stderr, /bad option: --no-such-flag/);
    assert.match(run.stdout, /^0 passed, 1 failed\n$/m);
    assert.notEqual(run.status, 0);
  } finally {
    rmSync(build, { recursive: true });
  }
});

async function theirRule(): Promise<(file: string) => boolean> {
  const module = (await import(resolve('scripts/needs-machine.mjs'))) as {
    needsMachine: (file: string) => boolean;
  };
  return module.needsMachine;
}

/** A file and all of test/ that it imports, as the compiler's parser sees it. */
function withImports(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
  const next = importedFiles
    .filter(({ fileName }) => fileName.startsWith('.'))
    .flatMap(({ fileName }) => {
      const path = join(dirname(file), fileName).replace(/\.js$/, '');
      return [`${path}.ts`, `${path}.tsx`];
    })
    .filter((path) => path.startsWith('test/') && existsSync(path));
  return [file, ...next.flatMap((path) => withImports(path, seen))];
}

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}
