import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

/*
 * docs/conformance.md: each behaviour that BuildKit's own Dockerfile tests hold, and where stave shows it, or why not.
 * A fixture names them as `covers` (fixture.json, for fixtures/language in covers.json), a test file in its titles.
 * UPDATE=1 rewrites the document, and takes reasons away that are no longer needed.
 */
const DOCUMENT = 'docs/conformance.md';
const EXCUSES = 'test/conformance/not-applicable.json';

type Covers = Readonly<Record<string, readonly string[]>>;

const behaviours = readJson('test/conformance/behaviours.json') as Record<
  string,
  Record<string, string>
>;
/** reason -> names */
const notShown = readJson(EXCUSES) as Covers;
const known = new Set(Object.values(behaviours).flatMap(Object.keys));
const shown = placesByName();
const reasons = new Map(
  Object.entries(notShown).flatMap(([reason, names]) => names.map((name) => [name, reason])),
);

test('each behaviour is shown by a fixture or a test, or a reason is given', () => {
  const missing = [...known].filter((name) => !shown.has(name) && !reasons.has(name));
  assert.deepEqual(missing, [], `add a fixture, or a reason to ${EXCUSES}`);
});

test('what is covered is known, and needs no excuse', () => {
  const unknown = [...shown.keys(), ...reasons.keys()].filter((name) => !known.has(name));
  assert.deepEqual(unknown, [], 'unknown names');
  if (process.env['UPDATE'] === '1') {
    writeFileSync(EXCUSES, `${JSON.stringify(stillNeeded(), undefined, 2)}\n`);
    return;
  }
  const shownNow = [...reasons.keys()].filter((name) => shown.has(name));
  assert.deepEqual(shownNow, [], `these are shown: take them out of ${EXCUSES} (UPDATE=1)`);
});

test(`${DOCUMENT} is up to date`, () => {
  const text = documentText();
  if (process.env['UPDATE'] === '1') writeFileSync(DOCUMENT, text);
  assert.equal(readFileSync(DOCUMENT, 'utf8'), text, 'UPDATE=1 rewrites it');
});

function stillNeeded(): Covers {
  const left = Object.entries(notShown).map(
    ([reason, names]) => [reason, names.filter((name) => !shown.has(name))] as const,
  );
  return Object.fromEntries(left.filter(([, names]) => names.length > 0));
}

/** Where each behaviour is shown: folders of fixtures and test files, sorted. */
function placesByName(): Map<string, string[]> {
  const places = new Map<string, string[]>();
  const add = (names: readonly string[], place: string): void => {
    for (const name of new Set(names)) places.set(name, [...(places.get(name) ?? []), place]);
  };
  for (const [folder, names] of Object.entries(
    readJson('fixtures/language/covers.json') as Covers,
  )) {
    assert.ok(existsSync(join('fixtures/language', folder)), `covers.json: no folder ${folder}`);
    add(names, `fixtures/language/${folder}`);
  }
  for (const kind of ['fixtures/features', 'fixtures/errors']) {
    for (const folder of readdirSync(kind)) add(coversOf(join(kind, folder)), `${kind}/${folder}`);
  }
  for (const file of testFiles('test')) add(namesIn(readFileSync(file, 'utf8')), file);
  return new Map([...places].map(([name, list]) => [name, list.sort()]));
}

function coversOf(folder: string): readonly string[] {
  const file = join(folder, 'fixture.json');
  return existsSync(file) ? ((readJson(file) as { covers?: string[] }).covers ?? []) : [];
}

function testFiles(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return /\.test\.tsx?$/.test(path) && path !== 'test/conformance.test.ts' ? [path] : [];
  });
}

/** Words of a test file that are spelled as BuildKit's tests: only known ones, code has such words of its own. */
function namesIn(text: string): string[] {
  return (text.match(/\b[tT]est[A-Z0-9]\w+/g) ?? []).filter((name) => known.has(name));
}

function documentText(): string {
  const all = [...known];
  const count = all.filter((name) => shown.has(name)).length;
  const head = [
    '# Conformance',
    '',
    "What BuildKit's own Dockerfile tests hold, and where stave shows the same. The behaviours are listed by the name of",
    "BuildKit's test; the words are ours. Made by `test/conformance.test.ts` from the `covers` of the fixtures and the",
    'titles of the tests (`UPDATE=1` rewrites it); do not edit.',
    '',
    `${String(count)} of ${String(all.length)} are shown; for the others a reason is given.`,
  ];
  const parts = Object.entries(behaviours).flatMap(([file, tests]) => [
    '',
    `## ${file.replaceAll('*', '\\*')}`,
    '',
    ...Object.entries(tests).map(([name, gist]) => entryText(name, gist)),
  ]);
  return `${[...head, ...parts].join('\n')}\n`;
}

function entryText(name: string, gist: string): string {
  const text = gist.replaceAll('*', '\\*').replaceAll('<', '\\<');
  const places = shown.get(name)?.map((place) => `[${place}](../${place})`);
  const where = places?.join(', ') ?? `_not shown: ${reasons.get(name) ?? 'no reason'}_`;
  return `- **${name}**: ${text} — ${where}`;
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
