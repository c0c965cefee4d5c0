import { BuildError } from './error.js';

/** docker's default: Ctrl-P, Ctrl-Q. */
export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

/**
 * `ctrl-p,ctrl-q` as bytes: single characters, or `ctrl-` with a letter or one of `@ [ \ ] ^ _`, joined by commas (docker
 * CLI, `--detach-keys`). Throws BuildError `usage`.
 */
export function parseDetachKeys(text: string): readonly number[] {
  if (text === '') return [];
  return text.split(',').map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (key.length === 1) return key.charCodeAt(0);
    throw new BuildError('usage', `Invalid escape keys (${text}) provided`, {
      hint: `write them as ctrl-p,ctrl-q: there is no key ${key}`,
    });
  });
}

export interface DetachFilter {
  /** What of the input goes on to the container; `detached` when the sequence is complete. */
  readonly push: (input: Uint8Array) => { readonly data: Uint8Array; readonly detached: boolean };
}

/** Holds back the beginning of the detach sequence until it is complete or broken. */
export function detachFilter(keys: readonly number[]): DetachFilter {
  let matched = 0;
  return {
    push: (input) => {
      const out: number[] = [];
      for (const byte of input) {
        if (keys.length > 0 && byte === keys[matched]) {
          if (++matched === keys.length) return { data: Uint8Array.from(out), detached: true };
          continue;
        }
        out.push(...keys.slice(0, matched));
        matched = byte === keys[0] ? 1 : 0;
        if (matched === 0) out.push(byte);
        else if (keys.length === 1) return { data: Uint8Array.from(out), detached: true };
      }
      return { data: Uint8Array.from(out), detached: false };
    },
  };
}
