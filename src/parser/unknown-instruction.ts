import { nearest } from '../model/nearest.js';
import { Problem } from './problem.js';

/** What people write at the start of a line when they mean a command of RUN. */
const COMMANDS = new Set(
  (
    'apk apt apt-get awk bash bundle cargo cat cd chmod chown composer cp curl dnf echo exit export find gem git go ' +
    'grep groupadd if ln ls make mkdir mv node npm pip pip3 pnpm python python3 rm sed set sh sudo tar test touch ' +
    'useradd wget yarn yum'
  ).split(' '),
);

/** A line that begins with no instruction: the nearest one, or what the line looks like. */
export function unknownInstruction(word: string, known: readonly string[]): Problem {
  const hint = hintFor(word, known);
  return new Problem(`unknown instruction: ${word}`, hint === undefined ? {} : { hint });
}

function hintFor(word: string, known: readonly string[]): string | undefined {
  if (/^(?:<{7}|={7}|>{7})/.test(word)) return 'a merge conflict is left in the file';
  if (COMMANDS.has(word) || /^(?:&&|\|\|?)/.test(word)) {
    return 'a command goes after RUN; a line goes on in the next when it ends with \\';
  }
  const near = nearest(word.toUpperCase(), known);
  return near === undefined ? undefined : `did you mean ${near}?`;
}
