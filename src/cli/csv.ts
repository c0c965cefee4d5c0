import { BuildError } from '../model/error.js';

/** One line of CSV, as docker's flags have it: a field with commas or quotes stands in quotes, `""` is a quote. */
export function csvFields(text: string, flag: string): string[] {
  const fields: string[] = [];
  let rest = text;
  for (;;) {
    const quoted = /^"((?:[^"]|"")*)"(?=,|$)/.exec(rest);
    const field = quoted?.[0] ?? /^[^,]*/.exec(rest)?.[0] ?? '';
    if (quoted === null && field.includes('"')) {
      throw new BuildError('usage', `invalid ${flag} ${JSON.stringify(text)}`, {
        hint: 'put the whole field in quotes: "name=a,b"',
      });
    }
    fields.push(quoted?.[1]?.replaceAll('""', '"') ?? field);
    if (field.length === rest.length) return fields;
    rest = rest.slice(field.length + 1);
  }
}
