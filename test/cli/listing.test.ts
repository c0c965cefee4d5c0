import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Column, formatListing } from '../../src/cli/format/listing.js';
import { table } from '../../src/cli/format/table.js';
import { BuildError } from '../../src/model/error.js';

interface Row {
  readonly id: string;
  readonly name: string;
  readonly size: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { field: 'ID', header: 'IMAGE ID', value: ({ id }) => id },
  { field: 'Repository', header: 'REPOSITORY', value: ({ name }) => name },
  { field: 'Size', header: 'SIZE', value: ({ size }) => size },
];
const ROWS: readonly Row[] = [
  { id: '0123456789ab', name: 'alpine', size: '7.33MB' },
  { id: 'ba9876543210', name: 'registry.example.com/team/app', size: '1GB' },
];

function shown(format: string | undefined, rows = ROWS): string[] {
  const text = formatListing(rows, COLUMNS, ['Repository', 'ID', 'Size'], format);
  assert.ok(text === '' || text.endsWith('\n'));
  return text.split('\n').slice(0, -1);
}

const TABLE = [
  'REPOSITORY                      IMAGE ID       SIZE',
  'alpine                          0123456789ab   7.33MB',
  'registry.example.com/team/app   ba9876543210   1GB',
];

// What docker 28.2.2 prints (docker context ls --format), its tabwriter being (10, 1, 3, ' ', 0).

test('the default columns, three blanks apart', () => {
  for (const format of [undefined, '', 'table']) assert.deepEqual(shown(format), TABLE);
});

test('a table without rows is its header, a template without rows nothing', () => {
  assert.deepEqual(shown(undefined, []), ['REPOSITORY   IMAGE ID   SIZE']);
  assert.deepEqual(shown('table {{.ID}}', []), ['IMAGE ID']);
  assert.deepEqual(shown('{{.ID}}', []), []);
  assert.deepEqual(shown('json', []), []);
});

const FORMATS: readonly (readonly [format: string, lines: readonly string[]])[] = [
  ['{{.ID}}', ['0123456789ab', 'ba9876543210']],
  ['{{.ID}}\\t{{.Size}}', ['0123456789ab\t7.33MB', 'ba9876543210\t1GB']],
  ['{{.ID}}\t{{.Size}}', ['0123456789ab\t7.33MB', 'ba9876543210\t1GB']],
  ['{{.ID}}\\n-', ['0123456789ab', '-', 'ba9876543210', '-']],
  ['{{upper .Repository}}', ['ALPINE', 'REGISTRY.EXAMPLE.COM/TEAM/APP']],
  ['plain', ['plain', 'plain']],
  ['table {{.ID}}', ['IMAGE ID', '0123456789ab', 'ba9876543210']],
  [
    'table {{.Size}}\\t{{.ID}}',
    ['SIZE      IMAGE ID', '7.33MB    0123456789ab', '1GB       ba9876543210'],
  ],
  ['table {{.Size}} {{.ID}}', ['SIZE IMAGE ID', '7.33MB 0123456789ab', '1GB ba9876543210']],
  ['table{{.ID}}', ['IMAGE ID', '0123456789ab', 'ba9876543210']],
  [
    'table {{lower .Size}}\\t{{.ID}}',
    ['SIZE      IMAGE ID', '7.33mb    0123456789ab', '1gb       ba9876543210'],
  ],
  [
    'table {{title .Repository | upper}}',
    ['REPOSITORY', 'ALPINE', 'REGISTRY.EXAMPLE.COM/TEAM/APP'],
  ],
  ['table {{truncate .ID 3}}', ['IMAGE ID', '012', 'ba9']],
  ['table {{json .Size}}', ['SIZE', '"7.33MB"', '"1GB"']],
  [
    'table {{split .Repository "/"}}',
    ['REPOSITORY', '[alpine]', '[registry.example.com team app]'],
  ],
  [
    'table {{join (split .Repository "/") "+"}}',
    ['REPOSITORY', 'alpine', 'registry.example.com+team+app'],
  ],
  ['table {{slice .ID 6}}', ['ID', '6789ab', '543210']],
  ['table {{printf "%.3s" .ID}}\\tx', ['IMA       x', '012       x', 'ba9       x']],
];

for (const [format, lines] of FORMATS) {
  test(`--format ${JSON.stringify(format)}`, () => {
    assert.deepEqual(shown(format), lines);
  });
}

test('json is an object a line with every field, whatever the default columns', () => {
  const objects = shown('json').map((line) => JSON.parse(line) as unknown);
  assert.deepEqual(objects, [
    { ID: '0123456789ab', Repository: 'alpine', Size: '7.33MB' },
    { ID: 'ba9876543210', Repository: 'registry.example.com/team/app', Size: '1GB' },
  ]);
  assert.deepEqual(
    shown('{{json .}}').map((line) => JSON.parse(line) as unknown),
    objects,
  );
});

test('a field that no row has is an error', () => {
  for (const format of ['{{.Foo}}', 'table {{.Foo}}', 'table {{.ID}}\\t{{.Foo}}'])
    assert.throws(() => shown(format), /can't evaluate field Foo/);
});

test('a template that cannot be read is an error also without rows', () => {
  for (const format of ['{{', '{{foo}}', 'table {{.ID'])
    assert.throws(() => shown(format, []), BuildError);
});

const TABLES: readonly (readonly [name: string, rows: string[][], lines: string[]])[] = [
  [
    'no column but the last is under ten wide',
    [
      ['A', 'B', 'C'],
      ['a', 'b', 'c'],
    ],
    ['A         B         C', 'a         b         c'],
  ],
  ['seven characters and three blanks make ten', [['1234567', 'x']], ['1234567   x']],
  [
    'eight make eleven',
    [
      ['12345678', 'x'],
      ['a', 'y'],
    ],
    ['12345678   x', 'a          y'],
  ],
  [
    'an empty cell keeps its place',
    [
      ['A', 'PORTS', 'NAMES'],
      ['x', '', 'n'],
    ],
    ['A         PORTS     NAMES', 'x                   n'],
  ],
  [
    'characters count, not bytes or UTF-16 units',
    [
      ['é😀', 'x'],
      ['ab', 'y'],
    ],
    ['é😀        x', 'ab        y'],
  ],
  ['one column is not padded', [['A'], ['longer'], ['b']], ['A', 'longer', 'b']],
  ['no rows, no lines', [], []],
];

for (const [name, rows, lines] of TABLES) {
  test(`table: ${name}`, () => {
    assert.deepEqual(table(rows).split('\n').slice(0, -1), lines);
  });
}
