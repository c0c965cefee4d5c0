// Transpiles src/ and test/ into build/ with esbuild (types are checked by `npm run types`, not here)
// and runs node:test over the given test files, or over all of them, two at a time where they share nothing (needs-machine.mjs);
// last line: `N passed, N failed`.
// Those of test/faults are long: they run only when they are named (npm run test:faults).
// usage: node scripts/run-tests.mjs [test/solver/solve.test.ts | test/solver ...] [-- node --test flags]
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { globSync } from './glob.mjs';
import { needsMachine } from './needs-machine.mjs';

const cut = process.argv.indexOf('--');
const names = process.argv.slice(2, cut === -1 ? undefined : cut);
const flags = cut === -1 ? [] : process.argv.slice(cut + 1);
const outdir = process.env.STAVE_TEST_BUILD ?? 'build';

await build({
  entryPoints: [...globSync('src', /\.tsx?$/), ...globSync('test', /\.tsx?$/)],
  outdir,
  outbase: '.',
  bundle: false,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  jsx: 'automatic',
  sourcemap: 'inline',
  logLevel: 'warning',
});

const wanted = globSync('test', /\.test\.tsx?$/).filter((file) =>
  names.length === 0
    ? !file.startsWith('test/faults/')
    : names.some((name) => file === name || file.startsWith(`${name.replace(/\/$/, '')}/`)),
);
if (wanted.length === 0) {
  process.stderr.write(`no test file matches ${names.join(' ')}\n`);
  process.exit(1);
}
const results = `${outdir}/results.tap`;
for (const file of [results, `${results}.0`, `${results}.1`]) rmSync(file, { force: true });
// A test that hangs fails alone: whole files, which count as tests too, take some minutes on a busy machine.
const HUNG_MS = 20 * 60_000;
const env = { ...process.env, TMPDIR: placeOfTests() };
const alone = wanted.filter((file) => needsMachine(file));
const beside = wanted.filter((file) => !alone.includes(file));
const passes = [
  { files: beside, concurrency: 2 },
  { files: alone, concurrency: 1 },
].filter(({ files }) => files.length > 0);
const statuses = passes.map(({ files, concurrency }, i) => runPass(files, concurrency, i));
// One that ended before its first test, like a Node that does not know a flag, wrote nothing.
const tap = passes.map((_, i) => readIf(`${results}.${i}`)).join('');
writeFileSync(results, tap);
const count = (what) =>
  [...tap.matchAll(new RegExp(`^# ${what} (\\d+)$`, 'gm'))].reduce(
    (sum, m) => sum + Number(m[1]),
    0,
  );
const status = statuses.find((each) => each !== 0) ?? 0;
// What fails without a test that says so, or with no count at all, counts as one.
const failed = Math.max(count('fail') + count('cancelled'), status === 0 ? 0 : 1);
process.stdout.write(`${count('pass')} passed, ${failed} failed\n`);
process.exit(status);

function readIf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function runPass(files, concurrency, i) {
  const node = [process.execPath, '--enable-source-maps', '--test', `--test-timeout=${HUNG_MS}`]
    .concat([`--test-concurrency=${concurrency}`])
    .concat(['--test-reporter=spec', '--test-reporter-destination=stdout'])
    .concat(['--test-reporter=tap', `--test-reporter-destination=${results}.${i}`])
    .concat(
      flags,
      files.map((file) => `${outdir}/${file.replace(/\.tsx?$/, '.js')}`),
    );
  // Tests mount: in a namespace of their own, so that a killed run leaves nothing behind.
  const root = process.getuid() === 0 ? ['unshare', '-m', '--propagation', 'private'] : [];
  const [program, ...args] = [...root, ...node];
  return spawnSync(program, args, { stdio: 'inherit', env }).status ?? 1;
}

/**
 * Where tests make their files. ext4 makes those below /tmp near /tmp, where it passes over each inode that was freed in
 * the last minutes, one by one: with the thousands that tests free a new file takes most of a millisecond. What is made
 * in a directory marked as a top one (chattr +T) gets a part of the disk to itself. Other filesystems have no such mark.
 * The name is short: podman takes no more than 50 characters for its --runroot.
 */
function placeOfTests() {
  if (basename(tmpdir()) === 'stave-top') return tmpdir(); // A run within a run.
  const dir = join(tmpdir(), 'stave-top');
  if (mkdirSync(dir, { recursive: true }) !== undefined) chmodSync(dir, 0o1777);
  spawnSync('chattr', ['+T', dir]);
  return dir;
}
