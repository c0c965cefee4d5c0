// Transpiles src/ and test/ into build/ with esbuild (types are checked by `npm run types`, not here)
// and runs node:test over the given test files, or over all of them.
// usage: node scripts/run-tests.mjs [test/solver/solve.test.ts | test/solver ...] [-- node --test flags]
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
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

const wanted = globSync('test', /\.test\.tsx?$/).filter(
  (file) =>
    names.length === 0 ||
    names.some((name) => file === name || file.startsWith(`${name.replace(/\/$/, '')}/`)),
);
if (wanted.length === 0) {
  process.stderr.write(`no test file matches ${names.join(' ')}\n`);
  process.exit(1);
}
const files = wanted.map((file) => `${outdir}/${file.replace(/\.tsx?$/, '.js')}`);
const run = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...flags, ...files], {
  stdio: 'inherit',
});
process.exit(run.status ?? 1);
