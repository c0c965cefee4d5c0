import { BuildError } from '../../model/error.js';
import { nearest } from '../../model/nearest.js';
import type { FlagSpec, ParsedFlags } from '../flags.js';

const METHODS = ['build', 'check', 'outline', 'targets', 'subrequests.describe'] as const;
const FORMATS = ['text', 'json', 'sarif'] as const;

/** What is asked about a Dockerfile instead of building it. */
export interface Call {
  readonly method: Exclude<(typeof METHODS)[number], 'build'>;
  readonly format: (typeof FORMATS)[number];
  /** Violations do not make the exit code. */
  readonly ignoreStatus: boolean;
}

export const CALL_FLAGS: readonly FlagSpec[] = [
  {
    name: 'call',
    kind: 'text',
    value: 'METHOD',
    help: 'Ask instead of building: check, outline, targets, subrequests.describe[,format=json]',
  },
  { name: 'check', kind: 'bool', help: 'Check the Dockerfile by the lint rules (--call=check)' },
  { name: 'format', kind: 'text', value: 'FORMAT', help: 'Of --check: text, json or sarif' },
];

/** `--check`, or `--call=method[,format=json][,ignorestatus=1]` as buildx reads it; undefined is to build. */
export function readCall(flags: ParsedFlags): Call | undefined {
  const text = flags.text('call') ?? '';
  const call = text === '' ? { method: undefined, fields: [] } : splitCall(text);
  const isCheck = flags.bool('check');
  if (isCheck && call.method !== undefined && call.method !== 'check') {
    throw usage(`--check and --call=${call.method} cannot be used together`, 'give one of them');
  }
  const method = isCheck ? 'check' : call.method;
  const format = flags.text('format');
  if (method === undefined || method === 'build') {
    if (format !== undefined) throw usage('--format needs --check or --call', undefined);
    return undefined;
  }
  const fields = format === undefined ? call.fields : [...call.fields, ['format', format] as const];
  return fields.reduce<Call>(withField, { method, format: 'text', ignoreStatus: false });
}

type Field = readonly [key: string, value: string];

function splitCall(text: string): { method: (typeof METHODS)[number]; fields: readonly Field[] } {
  const parts = text.split(',').map((part) => part.trim());
  const names = parts.filter((part) => !part.includes('='));
  const [name = '', ...more] = names;
  if (more.length > 0) throw usage(`invalid --call ${JSON.stringify(text)}`, 'it names one method');
  const fields = parts.filter((part) => part.includes('=')).map(readField);
  return { method: methodOf(name), fields };
}

function readField(part: string): Field {
  const cut = part.indexOf('=');
  return [part.slice(0, cut), part.slice(cut + 1)];
}

/** Also by BuildKit's names of the requests: `frontend.lint`. */
function methodOf(text: string): (typeof METHODS)[number] {
  const name = text.replace(/^frontend\./, '');
  const found = METHODS.find((method) => method === (name === 'lint' ? 'check' : name));
  if (found !== undefined) return found;
  if (name === 'convertllb')
    throw new BuildError('unsupported', '--call=frontend.convertllb is not supported', {
      hint: 'stave has no LLB',
    });
  throw usage(`unknown --call method ${JSON.stringify(text)}`, oneOf(name, METHODS));
}

function withField(call: Call, [key, value]: Field): Call {
  if (key === 'format') {
    const format = FORMATS.find((each) => each === value);
    if (format === undefined)
      throw usage(`invalid format ${JSON.stringify(value)}`, oneOf(value, FORMATS));
    if (format === 'sarif' && call.method !== 'check')
      throw usage(`--call=${call.method} has no format sarif`, 'use format=json');
    return { ...call, format };
  }
  if (key !== 'ignorestatus')
    throw usage(
      `invalid --call option ${JSON.stringify(key)}`,
      oneOf(key, ['format', 'ignorestatus']),
    );
  if (/^(1|t|true)$/i.test(value)) return { ...call, ignoreStatus: true };
  if (/^(0|f|false)$/i.test(value)) return { ...call, ignoreStatus: false };
  throw usage(`invalid ignorestatus ${JSON.stringify(value)}`, 'use ignorestatus=1 or 0');
}

function oneOf(word: string, allowed: readonly string[]): string {
  const near = nearest(word, allowed);
  return near === undefined ? `use one of ${allowed.join(', ')}` : `did you mean ${near}?`;
}

function usage(message: string, hint: string | undefined): BuildError {
  return new BuildError('usage', message, hint === undefined ? {} : { hint });
}
