// Time-boxed fuzzing of the parser, the expansion, here-documents and ignore patterns; test/fuzz/ says how.
// usage: npm run fuzz -- [--minutes=5] [--seed=N]; fails with the input on a crash, or on one that takes over 1 s.
import { build } from 'esbuild';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const outdir = resolve('node_modules', '.cache', `fuzz-${process.pid}`);
process.on('exit', () => rmSync(outdir, { recursive: true, force: true }));
await build({
  entryPoints: ['test/fuzz/watch.ts', 'test/fuzz/worker.ts'],
  outdir,
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
});
const option = (name, otherwise) => {
  const given = process.argv.find((arg) => arg.startsWith(`--${name}=`));
  return given === undefined ? otherwise : Number(given.slice(name.length + 3));
};
const { watch } = await import(pathToFileURL(resolve(outdir, 'watch.js')).href);
process.exitCode = await watch({
  worker: resolve(outdir, 'worker.js'),
  minutes: option('minutes', 5),
  seed: option('seed', Date.now() % 1_000_000),
});
