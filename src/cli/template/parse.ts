import { functions } from './functions.js';
import { templateError } from './template-error.js';
import { type Token, tokenize } from './tokens.js';
import { trimEnd } from '../../model/trim-end.js';

/** An operand of a command: a field chain, a variable, a literal, a parenthesised pipeline, a function's name. */
export type Operand =
  | { readonly kind: 'field'; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline; readonly path: readonly string[] }
  | { readonly kind: 'function'; readonly name: string };

/** Commands left to right; each gets the result before it as its last argument. */
export interface Pipeline {
  /** `$x := ...` or `$i, $x := ...` (range); `=` assigns. */
  readonly variables: readonly string[];
  readonly assigns: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if' | 'with' | 'range';
      readonly pipeline: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | { readonly kind: 'break' | 'continue' }
  | { readonly kind: 'template'; readonly name: string; readonly pipeline: Pipeline | undefined };

export interface Template {
  readonly nodes: readonly Node[];
  readonly defined: ReadonlyMap<string, readonly Node[]>;
}

/** Go text/template syntax: actions, trim marks, comments, if/else/with/range/define/template/block. */
export function parseTemplate(text: string): Template {
  const defined = new Map<string, readonly Node[]>();
  const parser = new Parser(splitActions(text), defined);
  const nodes = parser.nodes();
  if (parser.ended !== undefined) throw templateError(`unexpected {{${parser.ended}}}`);
  return { nodes, defined };
}

type Piece = { readonly text: string } | { readonly action: string };

function splitActions(text: string): Piece[] {
  const pieces: Piece[] = [];
  let rest = text;
  for (;;) {
    const open = rest.indexOf('{{');
    if (open === -1) return [...pieces, { text: rest }];
    const trimLeft = /^\{\{-[ \t\r\n]/.test(rest.slice(open));
    const before = rest.slice(0, open);
    pieces.push({ text: trimLeft ? trimEnd(before, ' \t\r\n') : before });
    const inside = rest.slice(open + (trimLeft ? 4 : 2));
    const { action, length, trimRight } = takeComment(inside) ?? takeAction(inside);
    if (action !== undefined) pieces.push({ action });
    rest = inside.slice(length);
    if (trimRight) rest = rest.replace(/^[ \t\r\n]+/, '');
  }
}

interface Taken {
  /** Absent for a comment. */
  readonly action?: string;
  /** Up to the end of `}}`. */
  readonly length: number;
  readonly trimRight: boolean;
}

/** A comment touches the delimiters: nothing else may be in its action. */
function takeComment(inside: string): Taken | undefined {
  if (!inside.startsWith('/*')) return undefined;
  const end = inside.indexOf('*/', 2);
  if (end === -1) throw templateError('unclosed comment');
  const close = /^(?:[ \t\r\n]-)?\}\}/.exec(inside.slice(end + 2))?.[0];
  if (close === undefined) throw templateError('comment ends before closing delimiter');
  return { length: end + 2 + close.length, trimRight: close !== '}}' };
}

function takeAction(inside: string): Taken {
  const close = closing(inside, 0);
  if (close === -1) throw templateError('unclosed action');
  const inner = inside.slice(0, close);
  const trimRight = /[ \t\r\n]-$/.test(inner);
  const action = (trimRight ? inner.slice(0, -1) : inner).trim();
  return { action, length: close + 2, trimRight };
}

/** `}}` outside of quotes. */
function closing(text: string, from: number): number {
  let quote = '';
  for (let i = from; i < text.length; i++) {
    const char = text[i] ?? '';
    if (quote !== '') {
      if (char === '\\' && quote !== '`') i++;
      else if (char === quote) quote = '';
    } else if (char === '"' || char === '`' || char === "'") quote = char;
    else if (text.startsWith('}}', i)) return i;
  }
  return -1;
}

class Parser {
  readonly #pieces: readonly Piece[];
  readonly #defined: Map<string, readonly Node[]>;
  #at = 0;
  #ranges = 0;
  /** The `end` or `else ...` that closed the last list. */
  ended: string | undefined;

  constructor(pieces: readonly Piece[], defined: Map<string, readonly Node[]>) {
    this.#pieces = pieces;
    this.#defined = defined;
  }

  nodes(): Node[] {
    const nodes: Node[] = [];
    this.ended = undefined;
    while (this.#at < this.#pieces.length) {
      const piece = this.#pieces[this.#at++];
      if (piece === undefined) break;
      if ('text' in piece) {
        if (piece.text !== '') nodes.push({ kind: 'text', text: piece.text });
        continue;
      }
      const { action } = piece;
      if (/^(end|else)\b/.test(action)) {
        this.ended = action;
        return nodes;
      }
      nodes.push(...this.#node(action));
    }
    return nodes;
  }

  #node(action: string): Node[] {
    const [, word = '', rest = ''] = /^(\w+)\b\s*([^]*)$/.exec(action) ?? [];
    switch (word) {
      case 'if':
      case 'with':
      case 'range':
        return [this.#block(word, rest)];
      case 'break':
      case 'continue':
        if (this.#ranges === 0) throw templateError(`{{${word}}} outside {{range}}`);
        return [{ kind: word }];
      case 'define':
        this.#defined.set(unquote(rest), this.#body());
        return [];
      case 'template':
      case 'block':
        return [this.#call(word, rest)];
      default:
        return [{ kind: 'action', pipeline: parsePipeline(action) }];
    }
  }

  #body(): readonly Node[] {
    const nodes = this.nodes();
    if (this.ended?.startsWith('else') === true)
      throw templateError(`expected end; found {{${this.ended}}}`);
    if (this.ended !== 'end') throw templateError('unexpected EOF: an {{end}} is missing');
    this.ended = undefined;
    return nodes;
  }

  #block(kind: 'if' | 'with' | 'range', head: string): Node {
    if (head.trim() === '') throw templateError(`missing value for ${kind}`);
    const pipeline = parsePipeline(head, kind === 'range' ? 2 : 1);
    if (kind === 'range') this.#ranges++;
    const body = this.nodes();
    if (kind === 'range') this.#ranges--;
    const close = this.ended;
    this.ended = undefined;
    if (close === undefined) throw templateError('unexpected EOF: an {{end}} is missing');
    if (close === 'end') return { kind, pipeline, body, otherwise: [] };
    const next = /^else\s+(if|with)\b\s*([^]*)$/.exec(close);
    if (next === null) return { kind, pipeline, body, otherwise: this.#body() };
    const nested = next[1] === 'if' ? 'if' : 'with';
    return { kind, pipeline, body, otherwise: [this.#block(nested, next[2] ?? '')] };
  }

  #call(word: 'template' | 'block', rest: string): Node {
    const [, quoted = '', argument = ''] =
      /^("(?:[^"\\]|\\.)*"|`[^`]*`)\s*([^]*)$/.exec(rest) ?? [];
    const name = unquote(quoted);
    if (word === 'block') this.#defined.set(name, this.#body());
    return {
      kind: 'template',
      name,
      pipeline: argument === '' ? undefined : parsePipeline(argument),
    };
  }
}

function unquote(text: string): string {
  const [token] = tokenize(text.trim());
  if (token?.kind !== 'literal' || typeof token.value !== 'string')
    throw templateError(`expected a quoted name, not ${text}`);
  return token.value;
}

function parsePipeline(text: string, mostVariables = 1): Pipeline {
  const tokens = tokenize(text);
  const declared = /^\s*\$\w*(\s*,\s*\$\w+)?\s*(:?=)(?!=)/.exec(text);
  const variables =
    declared === null ? [] : [...declared[0].matchAll(/\$\w*/g)].map((match) => match[0]);
  if (variables.length > mostVariables) throw templateError('too many declarations in command');
  const start =
    declared === null
      ? 0
      : tokens.findIndex((token) => token.kind === 'symbol' && /^:?=$/.test(token.text)) + 1;
  const reader = { tokens, at: start };
  const commands = readCommands(reader);
  if (reader.at < tokens.length)
    throw templateError(`unexpected ${shown(tokens[reader.at])} in {{${text}}}`);
  return { variables, assigns: declared?.[2] === '=', commands };
}

interface Reader {
  readonly tokens: readonly Token[];
  at: number;
}

function readCommands(reader: Reader): Operand[][] {
  const commands: Operand[][] = [];
  for (;;) {
    const operands: Operand[] = [];
    for (let operand = readOperand(reader); operand !== undefined; operand = readOperand(reader))
      operands.push(operand);
    const [first] = operands;
    if (first === undefined) throw templateError('missing value for command');
    if (first.kind === 'literal' && first.value === null)
      throw templateError('nil is not a command');
    commands.push(operands);
    const token = reader.tokens[reader.at];
    if (token?.kind !== 'symbol' || token.text !== '|') return commands;
    reader.at++;
  }
}

function readOperand(reader: Reader): Operand | undefined {
  const token = reader.tokens[reader.at];
  if (token === undefined) return undefined;
  if (token.kind === 'symbol') {
    if (token.text !== '(') return undefined;
    reader.at++;
    const commands = readCommands(reader);
    const close = reader.tokens[reader.at++];
    if (close?.kind !== 'symbol' || close.text !== ')') throw templateError('unclosed left paren');
    const chain = reader.tokens[reader.at];
    const path = chain?.kind === 'chain' ? chain.path : [];
    if (chain?.kind === 'chain') reader.at++;
    return { kind: 'pipeline', pipeline: { variables: [], assigns: false, commands }, path };
  }
  reader.at++;
  if (token.kind === 'literal') return { kind: 'literal', value: token.value };
  if (token.kind === 'field' || token.kind === 'chain') return { kind: 'field', path: token.path };
  if (token.kind === 'variable') return { kind: 'variable', name: token.name, path: token.path };
  if (!Object.hasOwn(functions, token.name))
    throw templateError(`function ${JSON.stringify(token.name)} not defined`);
  return { kind: 'function', name: token.name };
}

function shown(token: Token | undefined): string {
  switch (token?.kind) {
    case undefined:
      return 'end';
    case 'symbol':
      return JSON.stringify(token.text);
    case 'literal':
      return JSON.stringify(token.value);
    case 'name':
      return token.name;
    case 'variable':
      return [token.name, ...token.path].join('.');
    case 'field':
    case 'chain':
      return `.${token.path.join('.')}`;
  }
}
