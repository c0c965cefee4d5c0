// Builds dist/: the CLI as one CJS bundle (loader.cjs runs it with a code cache), the hashing worker, the ink screen
// as ESM chunks, the API and its types.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

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
/** Needed by few commands: bundles of their own, so that the others do not read them at every start. */
const APART = ['undici', 'execa', 'yaml', '@hpcc-js/wasm-zstd'];
const fileOf = (name) => name.replace(/^@[^/]+\//, '');

/** What the sources require lazily becomes part of the bundle and of its code cache: 15 ms less than node's loader. */
const lazily = {
  name: 'lazily',
  setup({ onLoad, onResolve }) {
    onLoad({ filter: /src\/(parser|executor)\/[a-z-]+\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(
        /createRequire\(import\.meta\.url\)\(('[a-z-]+')\)/,
        'require($1)',
      ),
      loader: 'ts',
    }));
    onResolve({ filter: new RegExp(`^(${APART.join('|')})$`) }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: `./${fileOf(path)}.cjs`, external: true },
    );
  },
};
const cjs = {
  ...common,
  format: 'cjs',
  // A script run from the code cache has no import(): it becomes require.
  supported: { 'dynamic-import': false },
  minifySyntax: true,
  minifyWhitespace: true,
  // Found beside the package at run time: native code, and modules that look for their own files.
  external: ['koffi', 'tar-stream'],
  mainFields: ['module', 'main'],
  plugins: [lazily],
  define: { 'import.meta.url': 'importMeta.url' },
  banner: {
    js: `const importMeta={get url(){return require('node:url').pathToFileURL(__filename).href}};
const builtin=(name)=>new Proxy({},{get:(_,key)=>require(name)[key]});`,
  },
};
/** Builtins a cached build does not touch; node compiles them when they are first required (4 ms together). */
const RARE = 'zlib worker_threads net child_process os module tls readline url stream fs/promises';
await Promise.all([
  build({ ...cjs, entryPoints: ['src/cli/start.ts'], outfile: 'dist/cli.cjs' }),
  build({ ...cjs, entryPoints: ['src/cache/layer-worker.ts'], outfile: 'dist/worker.cjs' }),
  build({ ...cjs, entryPoints: ['src/runtime/chroot-main.ts'], outfile: 'dist/chroot.cjs' }),
  build({ ...cjs, entryPoints: ['src/network/relay-main.ts'], outfile: 'dist/relay.cjs' }),
  build({
    ...cjs,
    entryPoints: APART.map((name) => ({ in: name, out: fileOf(name) })),
    outdir: 'dist',
    outExtension: { '.js': '.cjs' },
  }),
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
const rare = new RegExp(`=require\\("(node:(?:${RARE.replaceAll(' ', '|')}))"\\)`, 'g');
const cli = readFileSync('dist/cli.cjs', 'utf8').replace(rare, '=builtin("$1")');
writeFileSync('dist/cli.cjs', `(function(exports,require,module,__filename,__dirname){${cli}\n})`);
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
