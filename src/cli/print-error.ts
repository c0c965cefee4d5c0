import { readFileSync } from 'node:fs';
import { BuildError, CancelledError, type SourceRange } from '../model/error.js';
import { sourceExcerpt } from '../ui/source-excerpt.js';
import { escapeControls } from '../ui/escape.js';
import { ExitError } from './exit-error.js';

/** A user's error: what and where, the lines around, details, a blank line, the hint. No stack. */
export function errorText(error: unknown): string {
  if (error instanceof CancelledError) return `${error.message}\n`;
  if (!(error instanceof BuildError))
    return `${stackOf(error)}\nthis is a defect of stave: please report it\n`;
  const place =
    error.range === undefined ? '' : `${error.range.file}:${String(error.range.startLine)}: `;
  const lines = [`ERROR: ${place}${error.message}`, ...excerpt(error.range), ...error.details];
  if (error.hint !== undefined) lines.push('', `hint: ${error.hint}`);
  return `${lines.map(escapeControls).join('\n')}\n`;
}

function excerpt(range: SourceRange | undefined): readonly string[] {
  if (range === undefined) return [];
  try {
    return sourceExcerpt(readFileSync(range.file, 'utf8').split('\n'), range);
  } catch {
    return []; // The place is named above; the file may be gone or not a file.
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Exit codes: 130 when the user stopped it, 1 for their errors, 70 (EX_SOFTWARE) for ours. */
export function exitCodeOf(error: unknown, usageCode: number): number {
  if (error instanceof CancelledError) return 130;
  if (error instanceof ExitError) return error.exitCode;
  if (!(error instanceof BuildError)) return 70;
  return error.code === 'usage' || error.code === 'unsupported' ? usageCode : 1;
}
