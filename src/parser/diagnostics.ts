import { BuildError } from '../model/error.js';
import type { Diagnostic } from './instruction.js';

/** Throws BuildError with all of the problems, the first as the message, if there are any. */
export function throwDiagnostics(diagnostics: readonly Diagnostic[]): void {
  const [first, ...more] = diagnostics.toSorted((a, b) => a.range.startLine - b.range.startLine);
  if (first === undefined) return;
  const details = more.map(({ message, range, hint }) => {
    const place = `${range.file}:${String(range.startLine)}: ${message}`;
    return hint === undefined ? place : `${place} (${hint})`;
  });
  throw new BuildError(first.code, first.message, {
    range: first.range,
    details,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}
