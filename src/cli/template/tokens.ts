import { BuildError } from '../../model/error.js';

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
  [/^"(?:[^"\\\n]|\\.)*"/, (text) => literal(JSON.parse(text.replaceAll(/\\'/g, "'")) as string)],
  [/^`[^`]*`/, (text) => literal(text.slice(1, -1))],
  [/^'(?:[^'\\]|\\.)'/, (text) => literal(text.codePointAt(1) ?? 0)],
  [/^[-+]?\d+(?:\.\d+)?/, (text) => literal(Number(text))],
  [/^\$\w*(?:\.\w+)*/, (text) => variable(text)],
  [/^(?:\.\w+)+/, (text) => ({ kind: 'field', path: text.slice(1).split('.') })],
  [/^\./, () => ({ kind: 'field', path: [] })],
  [/^(?:true|false|nil)\b/, (text) => literal(text === 'nil' ? null : text === 'true')],
  [/^\w+/, (text) => ({ kind: 'name', name: text })],
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
    if (found === undefined || make === undefined) {
      throw new BuildError(
        'usage',
        `template parsing error: unexpected ${JSON.stringify(rest[0])} in {{${text}}}`,
      );
    }
    const token = make(found);
    if (token?.kind === 'field' && afterParenthesis && token.path.length > 0)
      tokens.push({ kind: 'chain', path: token.path });
    else if (token !== undefined) tokens.push(token);
    rest = rest.slice(found.length);
  }
  return tokens;
}
