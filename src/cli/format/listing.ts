import { BuildError } from '../../model/error.js';
import { compileTemplate } from '../template/execute.js';
import { headerFunctions } from '../template/functions.js';
import { table } from './table.js';

/** A column: its header and how a row fills it. */
export interface Column<Row> {
  readonly field: string;
  readonly header: string;
  readonly value: (row: Row) => string;
}

/**
 * docker's `--format` for listings: `table` (the default columns), `table TEMPLATE` (headers of the fields in it),
 * `json` (an object a line), else a Go template a row.
 */
export function formatListing<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  shown: readonly string[],
  format: string | undefined,
): string {
  if (format === undefined || format === '' || format === 'table') {
    const chosen = shown.map((field) => columnOf(columns, field));
    return table([
      chosen.map(({ header }) => header),
      ...rows.map((row) => chosen.map(({ value }) => value(row))),
    ]);
  }
  // docker's formatter marshals a map: its keys are sorted.
  const sorted = columns.toSorted((a, b) => (a.field < b.field ? -1 : 1));
  const objects = rows.map((row) =>
    Object.fromEntries(sorted.map(({ field, value }) => [field, value(row)])),
  );
  if (format === 'json') return objects.map((object) => `${JSON.stringify(object)}\n`).join('');
  const text = format
    .replace(/^table */, '')
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n');
  const template = compileTemplate(text);
  const lines = objects.map((object) => template(object));
  if (!format.startsWith('table')) return lines.map((line) => `${line}\n`).join('');
  const headers = Object.fromEntries(columns.map(({ field, header }) => [field, header]));
  const header = compileTemplate(text, headerFunctions)(headers);
  return table([header, ...lines].map((line) => line.split('\t')));
}

function columnOf<Row>(columns: readonly Column<Row>[], field: string): Column<Row> {
  const column = columns.find((each) => each.field === field);
  if (column === undefined) throw new BuildError('usage', `no column ${field}`);
  return column;
}
