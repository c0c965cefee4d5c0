import { csvRecord } from '../model/csv-record.js';
import { BuildError } from '../model/error.js';

/** One line of CSV, as docker's flags have it: a field with commas or quotes stands in quotes, `""` is a quote. */
export function csvFields(text: string, flag: string): readonly string[] {
  const { fields } = csvRecord(text);
  if (fields !== undefined) return fields;
  throw new BuildError('usage', `invalid ${flag} ${JSON.stringify(text)}`, {
    hint: 'put the whole field in quotes: "name=a,b"',
  });
}
