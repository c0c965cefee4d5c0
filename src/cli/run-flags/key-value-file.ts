import { readFileSync } from 'node:fs';
import { BuildError } from '../../model/error.js';
import { hasCode } from '../../model/has-code.js';

/** `--env-file`, `--label-file`: its lines, in docker's rules. Throws BuildError `usage`. */
export function keyValueFile(flag: string, file: string): readonly string[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const why = hasCode(error, 'ENOENT') ? 'no such file or directory' : error.message;
    throw new BuildError('usage', `--${flag}: open ${file}: ${why}`);
  }
  try {
    return keyValues(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const why = error instanceof BuildError ? error.message : 'it contains invalid utf8 bytes';
    throw new BuildError('usage', `--${flag}: invalid file (${file}): ${why}`);
  }
}

/** `NAME=VALUE` or `NAME` of each line that is no comment; what follows `=` is the value, blanks and quotes too. */
export function keyValues(text: string): readonly string[] {
  return text.split(/\r?\n/).flatMap((raw) => {
    const line = raw.trimStart();
    if (line === '' || line.startsWith('#')) return [];
    const name = line.split('=', 1)[0] ?? '';
    if (name === '') throw new BuildError('usage', `no variable name on line '${line}'`);
    if (/\s/.test(name)) throw new BuildError('usage', `variable '${name}' contains whitespaces`);
    return [line];
  });
}
