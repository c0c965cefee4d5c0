const NAMED: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\u000b': '\\v',
};

/** Go's `%q` of a text: BuildKit's history shows CMD and ENTRYPOINT so. */
export function goQuote(text: string): string {
  return `"${Array.from(text, quoted).join('')}"`;
}

function quoted(char: string): string {
  const named = NAMED[char];
  if (named !== undefined) return named;
  if (isPrintable(char)) return char;
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x20 || code === 0x7f) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

/** The Unicode classes are compiled only for text that is not ASCII. */
function isPrintable(char: string): boolean {
  return /^[ -~]$/.test(char) || new RegExp('^[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}]$', 'u').test(char);
}
