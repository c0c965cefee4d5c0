import { BuildError } from '../../model/error.js';
import { nearest } from '../../model/nearest.js';
import type { Ulimit } from '../../model/run-settings.js';
import { ramInBytes } from '../../model/units.js';

/** setrlimit(2)'s names, as docker writes them. */
const NAMES = 'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime'
  .split(' ')
  .concat(['sigpending', 'stack']);

/** `--ulimit NAME=SOFT[:HARD]`; -1 is unlimited; the last of a name counts. */
export function ulimitsOf(values: readonly string[]): readonly Ulimit[] {
  const found = new Map(values.map(ulimitOf).map((limit) => [limit.name, limit]));
  return [...found.values()];
}

function ulimitOf(text: string): Ulimit {
  const match = /^([a-z]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(text);
  if (match === null) throw invalid(text, 'write NAME=SOFT[:HARD], for example nofile=1024:2048');
  const [, name = '', soft = '', hard = soft] = match;
  if (!NAMES.includes(name)) {
    const near = nearest(name, NAMES);
    throw invalid(
      text,
      near === undefined ? `names are ${NAMES.join(', ')}` : `did you mean ${near}?`,
    );
  }
  const limit = { name, soft: Number(soft), hard: Number(hard) };
  if (limit.hard !== -1 && (limit.soft === -1 || limit.soft > limit.hard))
    throw invalid(text, 'the soft limit cannot be above the hard one');
  return limit;
}

function invalid(text: string, hint: string): BuildError {
  return new BuildError('usage', `invalid --ulimit ${JSON.stringify(text)}`, { hint });
}

/** `64m`, `1g`, or bytes. */
export function bytesOf(flag: string, text: string): number {
  const bytes = ramInBytes(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new BuildError('usage', `invalid ${flag} ${JSON.stringify(text)}`, {
    hint: 'write bytes, or a unit: 64m, 1g',
  });
}
