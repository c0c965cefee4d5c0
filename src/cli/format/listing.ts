import { BuildError } from '../../model/error.js';
import { compileTemplate } from '../template/execute.js';
import { goJson, headerFunctions, TEXT } from '../template/functions.js';
import { templateError } from '../template/template-error.js';
import { table } from './table.js';

/** A column: its header and how a row fills it. */
export interface Column<Row> {
  readonly field: string;
  readonly header: string;
  readonly value: (row: Row) => string;
}

/** What else a template may ask of a row (`.Label "name"`), and docker's `raw` format. */
export interface ListingFormat<Row> {
  readonly methods?: Readonly<Record<string, (row: Row, argument: string) => string>>;
  readonly format?: string | undefined;
  /** Fields by their name in `raw`, in order. */
  readonly raw?: readonly (readonly [name: string, field: string])[];
}

/**
 * docker's `--format` for listings: `table` (the default columns), `table TEMPLATE` (headers of the fields in it),
 * `json` (an object a line), else a Go template a row.
 */
export function formatListing<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  shown: readonly string[],
  how: string | undefined | ListingFormat<Row>,
): string {
  const { format, methods = {}, raw } = typeof how === 'object' ? how : { format: how };
  if (format === undefined || format === '' || format === 'table') {
    const chosen = shown.map((field) => columnOf(columns, field));
    return table([
      chosen.map(({ header }) => header),
      ...rows.map((row) => chosen.map(({ value }) => value(row))),
    ]);
  }
  if (format === 'raw' && raw !== undefined) return rawListing(rows, columns, raw);
  const objects = rowObjects(rows, columns);
  if (format === 'json') return objects.map((object) => `${rowJson(object)}\n`).join('');
  const text = format
    .replace(/^table */, '')
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n');
  const template = compileTemplate(text);
  const lines = objects.map((object, i) => template(withMethods(object, rows[i], methods)));
  if (!format.startsWith('table')) return lines.map((line) => `${line}\n`).join('');
  const headers = Object.fromEntries(columns.map(({ field, header }) => [field, header]));
  const header = compileTemplate(
    text,
    headerFunctions,
  )(withMethods(headers, undefined, Object.fromEntries(Object.keys(methods).map(asHeader))));
  return table([header, ...lines].map((line) => line.split('\t')));
}

/** Rows as objects; docker's formatter marshals a map, so the keys are sorted. */
export function rowObjects<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): Record<string, string>[] {
  const sorted = columns.toSorted((a, b) => (a.field < b.field ? -1 : 1));
  return rows.map((row) =>
    Object.fromEntries(sorted.map(({ field, value }) => [field, value(row)])),
  );
}

/** A row marshals itself, with Go's escapes for HTML; other values do without. */
function rowJson(object: Record<string, string>): string {
  return goJson(object).replace(
    /[<>&]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Methods are no fields: JSON and `range` do not see them. */
function withMethods<Row>(
  object: Record<string, string>,
  row: Row | undefined,
  methods: Readonly<Record<string, (row: Row, argument: string) => string>>,
): Record<string, string> {
  for (const [name, method] of Object.entries(methods)) {
    const value = (...given: unknown[]): string => {
      const [argument] = given;
      if (typeof argument !== 'string' || given.length > 1)
        throw templateError(`wrong number of args for ${name}: want 1 got ${String(given.length)}`);
      return method(row as Row, argument); // Its own row, or a header's none.
    };
    Object.defineProperty(object, name, { value, enumerable: false });
  }
  Object.defineProperty(object, TEXT, { value: () => rowJson(object), enumerable: false });
  return object;
}

/** docker heads `.Label "name"` with the name. */
function asHeader(name: string): [string, (row: undefined, argument: string) => string] {
  return [name, (_row, argument) => argument];
}

/** A block a row: `name: value`, an empty value without the blank. */
function rawListing<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  raw: readonly (readonly [name: string, field: string])[],
): string {
  const block = (row: Row): string =>
    raw
      .map(([name, field]) => `${name}: ${columnOf(columns, field).value(row)}`.trimEnd())
      .map((line) => `${line}\n`)
      .join('');
  return rows.map((row) => `${block(row)}\n`).join('');
}

function columnOf<Row>(columns: readonly Column<Row>[], field: string): Column<Row> {
  const column = columns.find((each) => each.field === field);
  if (column === undefined) throw new BuildError('usage', `no column ${field}`);
  return column;
}
