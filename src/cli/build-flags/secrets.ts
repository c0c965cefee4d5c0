import { csvRecord } from '../../model/csv-record.js';
import { BuildError } from '../../model/error.js';
import { nearest } from '../../model/nearest.js';
import type { SecretSource } from '../../model/run-settings.js';

const KEYS = ['id', 'src', 'source', 'env', 'type'];

/** `--secret id=ID[,src=FILE|,env=NAME][,type=file|env]`; `id=ID` alone is the variable ID, else the file ID. */
export function secretsOf(values: readonly string[], env: NodeJS.ProcessEnv): SecretSource[] {
  return values.map((text) => secretOf(text, env));
}

function secretOf(text: string, env: NodeJS.ProcessEnv): SecretSource {
  const given = fieldsOf(text);
  const { id, type } = given;
  if (id === undefined || id === '') throw invalid(text, 'name it: --secret id=ID,src=FILE');
  if (type !== undefined && type !== 'file' && type !== 'env')
    throw invalid(text, `type is file or env, not ${type}`);
  const source = given.src ?? given.source;
  const name = given.env ?? (type === 'env' ? (source ?? id) : undefined);
  if (name !== undefined && (type === 'file' || (given.env !== undefined && source !== undefined)))
    throw invalid(text, 'give it a file or a variable, not both');
  if (name !== undefined) return fromEnv(id, name, env);
  if (source !== undefined) return { id, file: home(source, env) };
  return type === undefined && env[id] !== undefined ? fromEnv(id, id, env) : { id, file: id };
}

function fromEnv(id: string, name: string, env: NodeJS.ProcessEnv): SecretSource {
  const value = env[name];
  if (value !== undefined) return { id, value };
  throw new BuildError('usage', `secret ${id}: the environment has no variable ${name}`, {
    hint: `set it: ${name}=... stave build ...`,
  });
}

/** A shell leaves the tilde of `src=~/file` alone. */
function home(file: string, env: NodeJS.ProcessEnv): string {
  return file.startsWith('~/') && env['HOME'] !== undefined
    ? `${env['HOME']}${file.slice(1)}`
    : file;
}

function fieldsOf(text: string): Partial<Record<string, string>> {
  const { fields, problem } = csvRecord(text);
  if (fields === undefined) throw invalid(text, problem);
  const found: Partial<Record<string, string>> = {};
  for (const field of fields) {
    const cut = field.indexOf('=');
    const key = (cut === -1 ? field : field.slice(0, cut)).toLowerCase();
    if (cut === -1) throw invalid(text, `${field} must be key=value`);
    if (!KEYS.includes(key)) {
      const near = nearest(key, KEYS);
      throw invalid(
        text,
        near === undefined ? `keys are ${KEYS.join(', ')}` : `did you mean ${near}?`,
      );
    }
    found[key] = field.slice(cut + 1);
  }
  return found;
}

/** The whole text is not repeated: somebody may have put a value in it. */
function invalid(text: string, hint: string): BuildError {
  const shown = /^[^=,]*=?[^,]*/.exec(text)?.[0] ?? '';
  const start = shown.startsWith('id=') ? ` (${shown})` : '';
  return new BuildError('usage', `invalid --secret${start}`, { hint });
}
