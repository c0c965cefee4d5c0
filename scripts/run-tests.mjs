// Transpiles src/ and test/ into build/ with esbuild (types are checked by `npm run types`, not here)
// and runs node:test over the given test files, or over all of them; last line: `N passed, N failed`.
// Those of test/faults are long: they run only when they are named (npm run test:faults).
// usage: node scripts/run-tests.mjs [test/solver/solve.test.ts | test/solver ...] [-- node --test flags]
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { globSync } from './glob.mjs';

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
const files = wanted.map((file) => `${outdir}/${file.replace(/\.tsx?$/, '.js')}`);
const results = `${outdir}/results.tap`;
// A test that hangs fails alone: whole files, which count as tests too, take some minutes on a busy machine.
const HUNG_MS = 20 * 60_000;
const node = [process.execPath, '--enable-source-maps', '--test', `--test-timeout=${HUNG_MS}`]
  .concat(['--test-reporter=spec', '--test-reporter-destination=stdout'])
  .concat(['--test-reporter=tap', `--test-reporter-destination=${results}`])
  .concat(flags, files);
// Tests mount: in a namespace of their own, so that a killed run leaves nothing behind.
const root = process.getuid() === 0 ? ['unshare', '-m', '--propagation', 'private'] : [];
const [program, ...args] = [...root, ...node];
const run = spawnSync(program, args, { stdio: 'inherit' });
const tap = readFileSync(results, 'utf8');
const count = (what) =>
  [...tap.matchAll(new RegExp(`^# ${what} (\\d+)$`, 'gm'))].reduce(
    (sum, m) => sum + Number(m[1]),
    0,
  );
process.stdout.write(`${count('pass')} passed, ${count('fail') + count('cancelled')} failed\n`);
process.exit(run.status ?? 1);
