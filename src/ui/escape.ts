import { trimEnd } from '../model/trim-end.js';

/**
 * Text of a step for a terminal: colours stay, everything else that could move the cursor, change the title or hide
 * text is shown as it is spelled.
 */
export function escapeControls(text: string): string {
  return text.replace(/\x1b\[[0-9;]*m|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (found) =>
    found.startsWith('\x1b[') ? found : `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** The same for a title: a newline or tab in it is a blank. */
export function oneLine(text: string): string {
  return escapeControls(text.replace(/[\t\n]/g, ' '));
}

/** A progress bar rewrites its line with \r: only the last state of it is a line. */
export function lastOfRewritten(line: string): string {
  const parts = trimEnd(line, '\r').split('\r');
  return parts[parts.length - 1] ?? '';
}
