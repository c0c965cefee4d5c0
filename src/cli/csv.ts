import { csvRecord } from '../model/csv-record.js';
import { BuildError } from '../model/error.js';

/** One line of CSV, as docker's flags have it: a field with commas or quotes stands in quotes, `""` is a quote. */
export function csvFields(text: string, flag: string): readonly string[] {
  const { fields } = csvRecord(text);
  if (fields !== undefined) return fields;
  throw new BuildError('usage', `invalid ${flag} ${JSON.stringify(masked(text))}`, {
    hint: 'put the whole field in quotes: "name=a,b"',
  });
}

/** Keys of a cache may stand in it. */
function masked(text: string): string {
  return text.replace(/(key|key_id|token)=[^,]*/gi, '$1=xxxxx');
}
