import { characterLiteral, numberLiteral, stringLiteral } from './literals.js';
import { templateError } from './template-error.js';

export type Token =
  | { readonly kind: 'field'; readonly path: readonly string[] }
  /** A field directly after a closing parenthesis. */
  | { readonly kind: 'chain'; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'symbol'; readonly text: string };

const RULES: readonly (readonly [RegExp, (text: string) => Token | undefined])[] = [
  [/^\s+/, () => undefined],
  [/^"(?:[^"\\\n]|\\.)*"/, (text) => literal(stringLiteral(text))],
  [/^`[^`]*`/, (text) => literal(text.slice(1, -1))],
  [/^'(?:[^'\\\n]|\\.)+'/, (text) => literal(characterLiteral(text))],
  [
    /^[-+]?(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)/,
    (text) => literal(numberLiteral(text)),
  ],
  [/^\$[\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*)*/u, (text) => variable(text)],
  [
    /^(?:\.[\p{L}_][\p{L}\p{N}_]*)+/u,
    (text) => ({ kind: 'field', path: text.slice(1).split('.') }),
  ],
  [/^\./, () => ({ kind: 'field', path: [] })],
  [/^(?:true|false|nil)\b/, (text) => literal(text === 'nil' ? null : text === 'true')],
  [/^[\p{L}_][\p{L}\p{N}_]*/u, (text) => ({ kind: 'name', name: text })],
  [/^(?::=|[|(),=])/, (text) => ({ kind: 'symbol', text })],
];

function literal(value: string | number | boolean | null): Token {
  return { kind: 'literal', value };
}

function variable(text: string): Token {
  const [name = '$', ...path] = text.split('.');
  return { kind: 'variable', name, path };
}

/** Tokens of one action. Throws BuildError `usage` on what no rule knows. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let rest = text;
  while (rest !== '') {
    const afterParenthesis =
      tokens.at(-1)?.kind === 'symbol' && text[text.length - rest.length - 1] === ')';
    const matched = RULES.map(([pattern, make]) => [pattern.exec(rest)?.[0], make] as const).find(
      ([found]) => found !== undefined,
    );
    const [found, make] = matched ?? [];
    if (found === undefined || make === undefined) throw unexpected(rest, text);
    const token = make(found);
    rest = rest.slice(found.length);
    if (token !== undefined && token.kind !== 'symbol') mustEnd(rest, text);
    if (token?.kind === 'field' && afterParenthesis && token.path.length > 0)
      tokens.push({ kind: 'chain', path: token.path });
    else if (token !== undefined) tokens.push(token);
  }
  return tokens;
}

/** Operands are parted by blanks: `eq .Name"web"` and `upper(.Name)` are errors, as Go's. */
function mustEnd(rest: string, text: string): void {
  if (!/^(?:$|[\s|),:])/.test(rest)) throw unexpected(rest, text);
}

function unexpected(rest: string, text: string): Error {
  return templateError(`unexpected ${JSON.stringify(rest[0])} in {{${text}}}`);
}
