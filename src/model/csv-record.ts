/** Fields of one CSV record, or what is wrong with it. */
export type CsvRecord =
  | { readonly fields: readonly string[]; readonly problem?: undefined }
  | { readonly problem: string; readonly fields?: undefined };

/** RFC 4180: a field in double quotes may hold commas, and `""` for a quote. */
export function csvRecord(text: string): CsvRecord {
  let rest: string | undefined = text.replace(/\r?\n$/, '');
  if (rest === '') return { problem: 'there is nothing in it' };
  const fields: string[] = [];
  while (rest !== undefined) {
    const taken = takeField(rest);
    if (taken === undefined) return { problem: problemOf(rest) };
    fields.push(taken.field);
    rest = taken.rest;
  }
  return { fields };
}

/** The first field, and what follows its comma. */
function takeField(
  text: string,
): { readonly field: string; readonly rest: string | undefined } | undefined {
  const quoted = text.startsWith('"');
  const match = (quoted ? /^"((?:[^"]|"")*)"(,|$)/ : /^([^",]*)(,|$)/).exec(text);
  if (match === null) return undefined;
  const field = (match[1] ?? '').replaceAll('""', '"');
  return { field, rest: match[2] === ',' ? text.slice(match[0].length) : undefined };
}

function problemOf(rest: string): string {
  if (rest.startsWith('"')) return `extraneous or missing " in quoted field ${rest}`;
  return `bare " in non-quoted field ${rest.split(',')[0] ?? ''}`;
}
