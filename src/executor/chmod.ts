import { BuildError } from '../model/error.js';

/** The mode an entry gets, from the one it has. */
export type ModeChange = (mode: number, directory: boolean) => number;

export interface Chmod {
  readonly apply: ModeChange;
  /** For directories made on the way: an octal mode's permissions, else 0755. */
  readonly parents: number;
}

/** Bits of each class, set-id bits with their owner. */
const CLASSES: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o007, a: 0o6777 };
const PERMISSIONS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000 };
const STICKY = 0o1000;
const SHIFTS: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

/** `--chmod`: octal from 0 to 07777, or symbolic as of chmod(1) with umask 0. Throws BuildError `syntax`. */
export function parseChmod(text: string): Chmod {
  if (/^\d/.test(text)) {
    const mode = /^[0-7]+$/.test(text) ? parseInt(text, 8) : NaN;
    if (!(mode <= 0o7777)) throw notOctal(text);
    return { apply: () => mode, parents: mode & 0o777 };
  }
  const changes = text.split(',').flatMap((clause) => readClause(clause, text));
  return {
    apply: (mode, directory) =>
      changes.reduce((now, change) => change(now, { mode, directory }), mode),
    parents: 0o755,
  };
}

function notOctal(text: string): BuildError {
  return new BuildError(
    'syntax',
    `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
  );
}

interface Before {
  readonly mode: number;
  readonly directory: boolean;
}
type Change = (now: number, before: Before) => number;

/** `[ugoa]*` and then one or more of `[-+=][rwxXst]*` or `[-+=][ugo]`. */
function readClause(clause: string, text: string): Change[] {
  const match = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/.exec(clause);
  if (match === null) {
    throw new BuildError('syntax', `invalid chmod parameter: '${text}'`, {
      hint: 'write an octal mode (755) or a symbolic one (u=rwX,go=rX)',
    });
  }
  const [, who = '', actions = ''] = match;
  const classes = who === '' ? 0o6777 : bitsOf(who, CLASSES);
  return [...actions.matchAll(/([-+=])([^-+=]*)/g)].map(([, operator = '', what = '']) =>
    changeOf(operator, what, classes),
  );
}

function bitsOf(letters: string, table: Readonly<Record<string, number>>): number {
  return Array.from(letters).reduce((bits, letter) => bits | (table[letter] ?? 0), 0);
}

function changeOf(operator: string, what: string, classes: number): Change {
  const shift = SHIFTS[what];
  // The sticky bit is nobody's; for "others" alone it means nothing, as set-id does.
  const sticky = what.includes('t') && (classes & ~0o7) !== 0 ? STICKY : 0;
  const fixed = (bitsOf(what, PERMISSIONS) & classes) | sticky;
  return (now, { mode, directory }) => {
    const executable =
      what.includes('X') && (directory || (mode & 0o111) !== 0 || operator === '-');
    const copied = shift === undefined ? 0 : ((now >> shift) & 7) * 0o111;
    const bits = fixed | ((copied | (executable ? 0o111 : 0)) & classes);
    if (operator === '-') return now & ~bits;
    return (operator === '=' ? now & ~classes : now) | bits;
  };
}
