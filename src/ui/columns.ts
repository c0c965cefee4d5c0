/** A colour, which takes no column, or a character. */
const PIECES = /\x1b\[[0-9;]*m|[^]/gu;
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const TAB = 8;

/** Columns a text takes on a terminal: wide characters two, colours and combining marks none. */
export function columnsOf(text: string): number {
  return (text.match(PIECES) ?? []).reduce((sum, piece) => sum + widthOf(piece), 0);
}

function widthOf(piece: string): number {
  if (piece.startsWith('\x1b[') || /^[\p{M}\u200b-\u200d\ufe0f]/u.test(piece)) return 0;
  return WIDE.test(piece) ? 2 : 1;
}

/** Cuts to a count of columns, `…` being the last; a colour it leaves open ends with it. */
export function cut(text: string, columns: number): string {
  const end = text.includes('\x1b[') ? '\x1b[0m' : '';
  if (columnsOf(text) <= columns) return text + end;
  let [used, out] = [1, ''];
  for (const piece of text.match(PIECES) ?? []) {
    used += widthOf(piece);
    if (used > columns) break;
    out += piece;
  }
  return columns < 1 ? '' : `${out}…${end}`;
}

/** Blanks in place of tabs, up to the next stop. */
export function withoutTabs(text: string): string {
  return text
    .split('\t')
    .reduce((out, part) => out + ' '.repeat(TAB - (columnsOf(out) % TAB)) + part);
}
