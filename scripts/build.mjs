// Builds dist/: the CLI as one CJS bundle (loader.cjs runs it with a code cache), the hashing worker, the ink screen
// as ESM chunks, the API and its types.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';

const started = Date.now();
rmSync('dist', { recursive: true, force: true });
mkdirSync('dist/ui', { recursive: true });
copyFileSync('scripts/loader.cjs', 'dist/loader.cjs');

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
  charset: 'ascii',
};
const cjs = {
  ...common,
  format: 'cjs',
  // A script run from the code cache has no import(): it becomes require.
  supported: { 'dynamic-import': false },
  minifySyntax: true,
  minifyWhitespace: true,
  // Found beside the package at run time: native code, and modules that look for their own files.
  external: ['koffi', 'tar-stream', 'dockerfile-ast', 'micromatch'],
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: "const importMetaUrl=require('node:url').pathToFileURL(__filename).href;" },
};
await Promise.all([
  build({ ...cjs, entryPoints: ['src/cli/start.ts'], outfile: 'dist/cli.cjs' }),
  build({ ...cjs, entryPoints: ['src/cache/layer-worker.ts'], outfile: 'dist/worker.cjs' }),
  build({
    ...common,
    format: 'esm',
    splitting: true,
    minify: true,
    jsx: 'automatic',
    entryPoints: { screen: 'src/ui/screen/main.tsx' },
    outdir: 'dist/ui',
    outExtension: { '.js': '.mjs' },
    external: ['react-devtools-core'],
    define: { 'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"' },
    banner: {
      js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);",
    },
  }),
  build({
    ...common,
    format: 'esm',
    entryPoints: ['src/index.ts'],
    outfile: 'dist/index.mjs',
    packages: 'external',
  }),
]);
if (process.argv.includes('--types') || !existsSync('dist/types')) {
  const tsc = [
    'node_modules/tsc7/bin/tsc',
    '-p',
    '.',
    '--noEmit',
    'false',
    '--emitDeclarationOnly',
    '--declaration',
  ];
  const run = spawnSync(
    process.execPath,
    [...tsc, '--rootDir', 'src', '--outDir', 'dist/types', '--project', 'tsconfig.build.json'],
    { stdio: 'inherit' },
  );
  if (run.status !== 0) process.exit(run.status ?? 1);
}
process.stdout.write(`built dist/ in ${Date.now() - started} ms\n`);
