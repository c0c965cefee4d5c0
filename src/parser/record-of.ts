import { csvRecord } from '../model/csv-record.js';
import { Problem } from './problem.js';

/** Fields of a flag's value. Throws Problem. */
export function recordOf(text: string): readonly string[] {
  const { fields, problem } = csvRecord(text);
  if (fields !== undefined) return fields;
  throw new Problem(`failed to parse csv ${JSON.stringify(text)}: ${problem}`, {
    hint: 'a field with a comma is quoted as a whole: "target=/a,b"',
  });
}
