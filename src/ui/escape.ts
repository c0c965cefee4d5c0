import { trimEnd } from '../model/trim-end.js';

/**
 * Text of a step for a terminal: colours stay, everything else that could move the cursor, change the title or hide
 * text is shown as it is spelled.
 */
export function escapeControls(text: string): string {
  return text.replace(HIDDEN, (found) => (found.startsWith('\x1b[') ? found : spelled(found)));
}

/** Colours; controls; marks of writing direction, line ends of Unicode, and characters without width. */
const HIDDEN =
  /\x1b\[[0-9;]*m|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function spelled(character: string): string {
  const code = character.charCodeAt(0);
  const hex = code.toString(16);
  return code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`;
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
