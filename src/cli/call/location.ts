import type { SourceRange } from '../../model/error.js';

/** BuildKit's pb.Location as Go's JSON has it: the source is the first, fields that are zero are left out. */
export function location({ startLine, endLine }: SourceRange): object {
  return { ranges: [{ start: { line: startLine }, end: { line: endLine } }] };
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** As Go's MarshalIndent. */
export function indented(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
