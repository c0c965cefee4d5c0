import { callFunction, functions, isTrue, type TemplateFunction } from './functions.js';
import { type Node, type Operand, type Pipeline, parseTemplate, type Template } from './parse.js';
import { goString } from './print.js';
import { templateError } from './template-error.js';

/** A template ready to run over values. */
export type Compiled = (data: unknown) => string;

/** docker's exit code of a template that it cannot read, where it has one. */
export const TEMPLATE_CODE = 64;

/** Throws BuildError `usage` on bad syntax; running throws it on a field that is not there. */
export function compileTemplate(
  text: string,
  known: Readonly<Record<string, TemplateFunction>> = functions,
): Compiled {
  const template = parseTemplate(text);
  return (data) => {
    const run: Run = { template, known, out: '' };
    walk(run, template.nodes, data, new Scope(undefined, [['$', data]]));
    return run.out;
  };
}

interface Run {
  readonly template: Template;
  readonly known: Readonly<Record<string, TemplateFunction>>;
  out: string;
}

class Scope {
  readonly #parent: Scope | undefined;
  readonly #values: Map<string, unknown>;

  constructor(parent: Scope | undefined, values: readonly (readonly [string, unknown])[] = []) {
    this.#parent = parent;
    this.#values = new Map(values);
  }

  get(name: string): unknown {
    const owner = this.#owner(name);
    if (owner === undefined) throw templateError(`undefined variable ${JSON.stringify(name)}`);
    return owner.#values.get(name);
  }

  declare(name: string, value: unknown): void {
    this.#values.set(name, value);
  }

  assign(name: string, value: unknown): void {
    const owner = this.#owner(name);
    if (owner === undefined) throw templateError(`undefined variable ${JSON.stringify(name)}`);
    owner.#values.set(name, value);
  }

  #owner(name: string): Scope | undefined {
    if (this.#values.has(name)) return this;
    return this.#parent === undefined ? undefined : this.#parent.#owner(name);
  }
}

type Flow = 'break' | 'continue' | undefined;

function walk(run: Run, nodes: readonly Node[], dot: unknown, scope: Scope): Flow {
  for (const node of nodes) {
    switch (node.kind) {
      case 'text':
        run.out += node.text;
        break;
      case 'action': {
        const value = evaluate(run, node.pipeline, dot, scope);
        if (node.pipeline.variables.length === 0) run.out += goString(value);
        break;
      }
      case 'break':
      case 'continue':
        return node.kind;
      case 'template':
        call(run, node, dot, scope);
        break;
      case 'if':
      case 'with':
      case 'range': {
        const flow = branch(run, node, dot, scope);
        if (flow !== undefined) return flow;
      }
    }
  }
  return undefined;
}

function call(
  run: Run,
  node: Extract<Node, { kind: 'template' }>,
  dot: unknown,
  scope: Scope,
): void {
  const nodes = run.template.defined.get(node.name);
  if (nodes === undefined) throw templateError(`template ${JSON.stringify(node.name)} not defined`);
  const data = node.pipeline === undefined ? undefined : evaluate(run, node.pipeline, dot, scope);
  walk(run, nodes, data, new Scope(undefined, [['$', data]]));
}

type Branch = Extract<Node, { kind: 'if' | 'with' | 'range' }>;

function branch(run: Run, node: Branch, dot: unknown, scope: Scope): Flow {
  const inner = new Scope(scope);
  const value = evaluate(run, node.pipeline, dot, inner);
  if (node.kind === 'range') return range(run, node, { value, dot }, inner);
  if (!isTrue(value)) return walk(run, node.otherwise, dot, inner);
  return walk(run, node.body, node.kind === 'with' ? value : dot, inner);
}

function range(
  run: Run,
  node: Branch,
  { value, dot }: { value: unknown; dot: unknown },
  scope: Scope,
): Flow {
  const entries = entriesOf(value);
  if (entries.length === 0) return walk(run, node.otherwise, dot, scope);
  const { variables } = node.pipeline;
  for (const [key, item] of entries) {
    const inner = new Scope(scope);
    if (variables.length === 2) inner.declare(variables[0] ?? '', key);
    const last = variables.at(-1);
    if (last !== undefined) inner.declare(last, item);
    if (walk(run, node.body, item, inner) === 'break') break;
  }
  return undefined;
}

/** Lists in order, maps by sorted key, numbers as counts. */
function entriesOf(value: unknown): (readonly [string | number, unknown])[] {
  if (Array.isArray(value)) return value.map((item: unknown, i) => [i, item] as const);
  if (typeof value === 'number') return Array.from({ length: value }, (_, i) => [i, i] as const);
  if (typeof value === 'object' && value !== null) {
    return Object.keys(value)
      .sort()
      .map((key) => [key, (value as Record<string, unknown>)[key]] as const);
  }
  if (value === undefined || value === null) return [];
  throw templateError(`range can't iterate over ${goString(value)}`);
}

function evaluate(run: Run, pipeline: Pipeline, dot: unknown, scope: Scope): unknown {
  let result: { value: unknown } | undefined;
  for (const operands of pipeline.commands) {
    result = { value: command(run, operands, { dot, piped: result }, scope) };
  }
  const value = result?.value;
  const [name, ...more] = pipeline.variables;
  if (name !== undefined && more.length === 0) {
    if (pipeline.assigns) scope.assign(name, value);
    else scope.declare(name, value);
  }
  return value;
}

interface Input {
  readonly dot: unknown;
  readonly piped: { readonly value: unknown } | undefined;
}

function command(
  run: Run,
  operands: readonly Operand[],
  { dot, piped }: Input,
  scope: Scope,
): unknown {
  const [first, ...rest] = operands;
  if (first?.kind !== 'function') {
    const method = first === undefined ? undefined : methodOf(run, first, dot, scope);
    if (method !== undefined && piped === undefined)
      return method(...rest.map((operand) => operandValue(run, operand, dot, scope)));
    if (first === undefined || rest.length > 0 || piped !== undefined)
      throw templateError(notCallable(first, piped !== undefined));
    return operandValue(run, first, dot, scope);
  }
  const target = run.known[first.name];
  if (target === undefined)
    throw templateError(`function ${JSON.stringify(first.name)} not defined`);
  const tail = piped === undefined ? [] : [() => piped.value];
  const lazy = [...rest.map((operand) => () => operandValue(run, operand, dot, scope)), ...tail];
  if (lazy.length > 0 && (first.name === 'and' || first.name === 'or'))
    return shortCircuit(first.name, lazy);
  return callFunction(
    first.name,
    target,
    lazy.map((get) => get()),
  );
}

/** A field that takes arguments: `.Label "name"` of a listing's row. */
function methodOf(
  run: Run,
  operand: Operand,
  dot: unknown,
  scope: Scope,
): ((...args: unknown[]) => unknown) | undefined {
  if (operand.kind !== 'field' && operand.kind !== 'variable') return undefined;
  const value = operandValue(run, operand, dot, scope);
  return typeof value === 'function' ? (value as (...args: unknown[]) => unknown) : undefined; // A row's.
}

function notCallable(operand: Operand | undefined, piped: boolean): string {
  if (operand?.kind === 'field' || operand?.kind === 'variable') {
    const name = operand.path.at(-1) ?? (operand.kind === 'field' ? '.' : operand.name);
    return `${name} is not a method but has arguments`;
  }
  if (piped) return 'non executable command in pipeline';
  const shown = operand?.kind === 'literal' ? ` ${JSON.stringify(operand.value)}` : '';
  return `can't give argument to non-function${shown}`;
}

/** `and` gives the first false value or the last, `or` the first true one or the last. */
function shortCircuit(name: 'and' | 'or', lazy: readonly (() => unknown)[]): unknown {
  let value: unknown;
  for (const get of lazy) {
    value = get();
    if (isTrue(value) === (name === 'or')) return value;
  }
  return value;
}

function operandValue(run: Run, operand: Operand, dot: unknown, scope: Scope): unknown {
  switch (operand.kind) {
    case 'literal':
      return operand.value;
    case 'field':
      return follow(dot, operand.path);
    case 'variable':
      return follow(scope.get(operand.name), operand.path);
    case 'pipeline':
      return follow(evaluate(run, operand.pipeline, dot, scope), operand.path);
    case 'function':
      return command(run, [operand], { dot, piped: undefined }, scope);
  }
}

/** Go maps in docker's structs: a key that is not there is no error but no value. */
const MAPS: ReadonlySet<string | undefined> = new Set([
  'Annotations',
  'ExposedPorts',
  'Labels',
  'Networks',
  'Ports',
  'Volumes',
  // Of events.
  'Attributes',
]);

/** A field of a row, of a record, of a map; one that is not there is an error, as docker's. */
function follow(value: unknown, path: readonly string[]): unknown {
  let here = value;
  for (const [i, name] of path.entries()) {
    const present = typeof here === 'object' && here !== null && Object.hasOwn(here, name);
    if (present) here = (here as Record<string, unknown>)[name];
    else if (MAPS.has(path[i - 1]) && typeof (here ?? {}) === 'object') here = undefined;
    else if (here === null || here === undefined)
      throw templateError(`nil pointer evaluating .${name}`);
    else throw templateError(`can't evaluate field ${name}`);
  }
  return here;
}
