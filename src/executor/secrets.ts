import { readFileSync, statSync } from 'node:fs';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import type { SecretSource } from '../model/run-settings.js';
import { trimEnd } from '../model/trim-end.js';

const MAX_BYTES = 500 << 10;
/** Shorter values turn up by chance. */
const MIN_GUARDED = 8;

/** The secrets given to a build. Values are read when first asked for, and never leave this process but into a step. */
export class Secrets {
  readonly #sources: ReadonlyMap<string, SecretSource>;
  readonly #values = new Map<string, Buffer>();

  constructor(sources: readonly SecretSource[]) {
    this.#sources = new Map(sources.map((source) => [source.id, source]));
  }

  get ids(): readonly string[] {
    return [...this.#sources.keys()];
  }

  /** Undefined for one that was not given. Throws BuildError when its file cannot be read, or is over 500 KiB. */
  get(id: string): Buffer | undefined {
    const known = this.#values.get(id);
    const source = this.#sources.get(id);
    if (known !== undefined || source === undefined) return known;
    const value = read(source);
    if (value.length > MAX_BYTES) {
      throw new BuildError('usage', `secret ${id} is larger than 500 KiB`, {
        hint: 'a secret is a key or a token; mount larger files with type=bind',
      });
    }
    this.#values.set(id, value);
    return value;
  }

  /** What must not turn up in a layer, by id: the values, without the line end a file closes with. */
  guarded(): ReadonlyMap<string, Buffer> {
    const found = new Map<string, Buffer>();
    for (const id of this.ids) {
      const value = trimmed(this.get(id) ?? Buffer.alloc(0));
      if (value.length >= MIN_GUARDED) found.set(id, value);
    }
    return found;
  }

  /** What is masked in logs: each line of each value, for a log is read by lines. */
  masked(): readonly Buffer[] {
    const lines = [...this.guarded().values()].flatMap((value) =>
      value.toString('latin1').split(/\r?\n/),
    );
    return lines
      .filter((line) => line.length >= MIN_GUARDED)
      .map((line) => Buffer.from(line, 'latin1'));
  }
}

function trimmed(value: Buffer): Buffer {
  return Buffer.from(trimEnd(value.toString('latin1'), '\r\n'), 'latin1');
}

function read({ id, file, value }: SecretSource): Buffer {
  if (file === undefined) return Buffer.from(value ?? '');
  try {
    if (!statSync(file).isFile())
      throw new BuildError('usage', `secret ${id}: ${file} is not a regular file`);
    return readFileSync(file);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'EACCES', 'ENOTDIR', 'EISDIR')) throw error;
    const why = hasCode(error, 'EACCES') ? 'permission denied' : 'no such file';
    throw new BuildError('not-found', `secret ${id}: ${file}: ${why}`, {
      hint: `give it with --secret id=${id},src=FILE or --secret id=${id},env=NAME`,
    });
  }
}
