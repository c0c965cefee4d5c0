/**
 * The text without these characters at its end. A regular expression for it (`/[ \t]+$/`) looks at each run of them
 * again from each of its characters, which takes seconds for a long run inside the text.
 */
export function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
