import type { OutputSpec } from '../model/build-options.js';
import { BuildError } from '../model/error.js';
import { nearest } from '../model/nearest.js';

type Compression = Pick<OutputSpec, 'compression' | 'compressionLevel'>;

const COMPRESSIONS = ['gzip', 'zstd', 'uncompressed'] as const;

/** `compression` and `compression-level` of an output or a cache. Throws BuildError `usage` or `unsupported`. */
export function compressionOf(pairs: ReadonlyMap<string, string>): Compression {
  const [wanted, written] = [pairs.get('compression'), pairs.get('compression-level')];
  if (wanted === 'estargz') {
    throw new BuildError('unsupported', 'compression=estargz is not supported', {
      hint: 'use gzip, zstd or uncompressed',
    });
  }
  const compression = COMPRESSIONS.find((each) => each === wanted);
  if (wanted !== undefined && compression === undefined)
    throw invalid('compression', wanted, COMPRESSIONS);
  return {
    ...(compression === undefined ? {} : { compression }),
    ...(written === undefined ? {} : { compressionLevel: levelOf(written, compression) }),
  };
}

function levelOf(written: string, compression: Compression['compression']): number {
  const level = /^\d\d?$/.test(written) ? Number(written) : NaN;
  const [least, most] = compression === 'zstd' ? [1, 22] : [0, 9];
  if (compression !== 'uncompressed' && level >= least && level <= most) return level;
  throw new BuildError('usage', `invalid compression-level ${JSON.stringify(written)}`, {
    hint: 'gzip has levels 0 to 9, zstd 1 to 22',
  });
}

/** True or false as Go reads them; undefined when it is not written. */
export function flagOf(name: string, pairs: ReadonlyMap<string, string>): boolean | undefined {
  const text = pairs.get(name);
  if (text === undefined) return undefined;
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw invalid(name, text, ['true', 'false']);
}

/** A value that is none of those allowed, and the nearest that is. */
export function invalid(what: string, value: string, allowed: readonly string[]): BuildError {
  const near = nearest(value, allowed);
  const hint = near === undefined ? `use one of ${allowed.join(', ')}` : `did you mean ${near}?`;
  return new BuildError('usage', `invalid ${what} ${JSON.stringify(value)}`, { hint });
}
