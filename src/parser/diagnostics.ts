import { BuildError } from '../model/error.js';
import type { ParsedDockerfile } from './instruction.js';

/** Throws BuildError with all problems of a file, the first as the message, if it has any. */
export function throwDiagnostics({ diagnostics }: ParsedDockerfile): void {
  const [first, ...more] = diagnostics;
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
