import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';

// The house rules of ARCHITECTURE.md and CONTRIBUTING.md, held by the compiler's own parser over the sources.

const WIRING = 'wiring';
const ROOMS = {
  model: [],
  sys: ['model'],
  parser: ['model'],
  solver: ['model'],
  cache: ['model', 'sys'],
  registry: ['model'],
  runtime: ['model', 'sys'],
  executor: ['model', 'sys', 'cache', 'registry', 'runtime'],
  exporter: ['model', 'sys', 'cache', 'registry'],
  'remote-cache': ['model', 'cache', 'registry', 'exporter'],
  travel: ['model', 'sys', 'cache', 'registry', 'exporter'],
  network: ['model', 'sys', 'cache'],
  container: ['model', 'sys', 'cache', 'runtime', 'exporter'],
  ui: ['model'],
  [WIRING]: [
    'model',
    'sys',
    'parser',
    'solver',
    'cache',
    'registry',
    'runtime',
    'executor',
    'exporter',
    'travel',
    'container',
    'network',
    'remote-cache',
  ],
  cli: ['model', WIRING, 'ui'],
} as const satisfies Record<string, readonly string[]>;

/** Each package has one door: the only place that imports it. `ink` and `react` share the screen. */
const DOORS: Readonly<Record<string, string>> = {
  'dockerfile-ast': 'src/parser/parse.ts',
  'tar-stream': 'src/cache/tar.ts',
  micromatch: 'src/executor/glob.ts',
  'unbzip2-stream': 'src/cache/decompress.ts',
  'xz-decompress': 'src/cache/decompress.ts',
  fzstd: 'src/cache/decompress.ts',
  'lru-cache': 'src/cache/memo.ts',
  execa: 'src/runtime/process.ts',
  ink: 'src/ui/screen/main.tsx',
  react: 'src/ui/screen/main.tsx',
  undici: 'src/registry/http.ts',
  koffi: 'src/sys/',
  yaml: 'src/runtime/cdi.ts',
  'xxhash-wasm': 'src/cache/decompress.ts',
  '@hpcc-js/wasm-zstd': 'src/exporter/zstd.ts',
  aws4: 'src/remote-cache/sign-aws.ts',
};

interface Source {
  readonly file: string;
  readonly text: string;
  readonly lines: number;
  readonly ast: ts.SourceFile;
  /** What it imports, types too, as written. */
  readonly specifiers: readonly string[];
}

const root = process.cwd();
const sources = ['src', 'test', 'bench'].flatMap((dir) => filesBelow(dir).map(readSource));
const product = sources.filter(({ file }) => file.startsWith('src/'));

test('rooms import only what the code map allows', () => {
  const wrong = product.flatMap((source) =>
    ownImports(source)
      .filter((to) => !mayImport(roomOf(source.file), roomOf(to)))
      .map((to) => `${source.file} imports ${to}`),
  );
  assert.deepEqual(wrong, []);
});

test('model, parser and solver do no input or output', () => {
  const pure = new Set(['node:crypto', 'node:module', 'node:path', 'node:util']);
  const wrong = product
    .filter(({ file }) => /^src\/(?:model|parser|solver)\//.test(file))
    .flatMap(({ file, specifiers }) =>
      specifiers
        .filter((name) => name.startsWith('node:') && !pure.has(name))
        .map((name) => `${file} imports ${name}`),
    );
  assert.deepEqual(wrong, []);
});

test('imports run in no circle', () => {
  const graph = new Map(product.map((source) => [source.file, ownImports(source)]));
  assert.deepEqual(findCycle(graph), []);
});

test('each package is imported at its door, and every dependency is used', () => {
  const wrong = product.flatMap(({ file, specifiers }) =>
    specifiers.flatMap((name) => {
      if (name.startsWith('.') || name.startsWith('node:')) return [];
      const door = DOORS[name.startsWith('@') ? name : (name.split('/')[0] ?? name)];
      return door !== undefined && file.startsWith(door) ? [] : [`${file} imports ${name}`];
    }),
  );
  assert.deepEqual(wrong, []);
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
    dependencies: Record<string, string>;
  };
  assert.deepEqual(Object.keys(manifest.dependencies).sort(), Object.keys(DOORS).sort());
  const used = new Set(product.flatMap(({ specifiers }) => specifiers));
  used.add('react'); // what tsx becomes imports react/jsx-runtime
  assert.deepEqual(
    Object.keys(DOORS).filter((name) => !used.has(name)),
    [],
  );
});

test('every room is in the code map of ARCHITECTURE.md, and every dependency is justified there', () => {
  const map = readFileSync('ARCHITECTURE.md', 'utf8');
  const names = Object.keys(ROOMS).filter((room) => room !== WIRING);
  const missing = names.filter((room) => !map.includes(`\n  ${room}/ `));
  assert.deepEqual(missing, []);
  assert.deepEqual(
    Object.keys(DOORS).filter((name) => !map.includes(name)),
    [],
  );
});

test('files stay under 400 lines, functions under 60, most under 20', () => {
  const long = sources.filter(({ lines }) => lines > 400).map(({ file }) => file);
  assert.deepEqual(long, []);
  const sizes = sources.flatMap((source) =>
    functionsOf(source).map((node) => ({
      place: placeOf(source, node),
      lines: span(source, node),
    })),
  );
  assert.deepEqual(
    sizes.filter(({ place, lines }) => lines > 60 && !place.startsWith('test/')),
    [],
  );
  const own = sizes.filter(({ place }) => place.startsWith('src/'));
  const small = own.filter(({ lines }) => lines < 20).length;
  assert.ok(small / own.length > 0.85, `${String(small)} of ${String(own.length)} are small`);
});

test('no any, no console, no default exports, no re-exports but in index.ts', () => {
  const wrong = sources.flatMap((source) => forbidden(source));
  assert.deepEqual(wrong, []);
});

test('directories are made by makeDeep: Node hides why it could not make them', () => {
  const found = product.filter(({ text }) => /\bmkdir(Sync)?\([^;]*\brecursive\b/.test(text));
  assert.deepEqual(found.map(({ file }) => file), []); // prettier-ignore
});

test('no file is a drawer: utils, helpers, common, misc', () => {
  const drawers = product.filter(({ file }) => /\b(utils?|helpers?|common|misc)\b/.test(file));
  assert.deepEqual(
    drawers.map(({ file }) => file),
    [],
  );
});

test('no test is skipped, only or left to do', () => {
  const tests = sources.filter(
    ({ file }) => file.startsWith('test/') && file !== 'test/tidy.test.ts',
  );
  const wrong = tests.filter(({ text }) =>
    /\b(?:test|it|describe|t)\.(?:skip|only|todo)\b|\b(?:skip|only|todo):/.test(text),
  );
  assert.deepEqual(
    wrong.map(({ file }) => file),
    [],
  );
});

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) return filesBelow(path);
      return /\.tsx?$/.test(entry.name) ? [path] : [];
    })
    .sort();
}

function readSource(file: string): Source {
  const text = readFileSync(file, 'utf8');
  const ast = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const specifiers = ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) => fileName);
  return { file, text, ast, specifiers, lines: text.split('\n').length - 1 };
}

/** The product's files that a source imports, as paths from the root. */
function ownImports({ file, specifiers }: Source): string[] {
  return specifiers
    .filter((name) => name.startsWith('.'))
    .map((name) => {
      const path = relative(root, resolve(dirname(file), name)).replace(/\.js$/, '');
      const found = product.find(
        (each) => each.file === `${path}.ts` || each.file === `${path}.tsx`,
      );
      assert.ok(found, `${file} imports ${name}, which is no file of ours`);
      return found.file;
    });
}

function roomOf(file: string): string {
  return /^src\/([a-z-]+)\//.exec(file)?.[1] ?? WIRING;
}

function mayImport(from: string, to: string): boolean {
  const allowed = (ROOMS as Readonly<Record<string, readonly string[]>>)[from];
  assert.ok(allowed, `src/${from}/ is not in the code map`);
  return from === to || allowed.includes(to);
}

function findCycle(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const walk = (file: string, trail: readonly string[]): readonly string[] => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
    if (done.has(file)) return [];
    for (const next of graph.get(file) ?? []) {
      const cycle = walk(next, [...trail, file]);
      if (cycle.length > 0) return cycle;
    }
    done.add(file);
    return [];
  };
  return [...graph.keys()].map((file) => walk(file, [])).find(({ length }) => length > 0) ?? [];
}

function functionsOf({ ast }: Source): ts.Node[] {
  return descendants(ast).filter((node) => ts.isFunctionLike(node) && 'body' in node);
}

function forbidden(source: Source): string[] {
  return descendants(source.ast).flatMap((node) => {
    const what = forbiddenNode(node, source.file);
    return what === undefined ? [] : [`${placeOf(source, node)}: ${what}`];
  });
}

function forbiddenNode(node: ts.Node, file: string): string | undefined {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return 'any';
  if (ts.isPropertyAccessExpression(node) && node.expression.getText() === 'console')
    return 'console';
  if (ts.isExportAssignment(node)) return 'default export';
  const reExport = ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined;
  return reExport && file !== 'src/index.ts' ? 're-export' : undefined;
}

function descendants(node: ts.Node): ts.Node[] {
  const found: ts.Node[] = [];
  const visit = (each: ts.Node): void => {
    found.push(each);
    ts.forEachChild(each, visit);
  };
  visit(node);
  return found;
}

function span({ ast }: Source, node: ts.Node): number {
  const line = (at: number): number => ast.getLineAndCharacterOfPosition(at).line;
  return line(node.getEnd()) - line(node.getStart(ast)) + 1;
}

function placeOf({ ast, file }: Source, node: ts.Node): string {
  return `${file}:${String(ast.getLineAndCharacterOfPosition(node.getStart(ast)).line + 1)}`;
}
