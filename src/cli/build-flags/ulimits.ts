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
  const invalid = (why: string, hint: string): BuildError =>
    new BuildError(
      'usage',
      `invalid argument ${JSON.stringify(text)} for "--ulimit" flag: ${why}`,
      {
        hint,
      },
    );
  const form = 'write NAME=SOFT[:HARD], for example nofile=1024:2048';
  const [, name = '', given = ''] = /^([^=]*)=([^=]*)$/.exec(text) ?? [];
  if (given === '') throw invalid(`invalid ulimit argument: ${text}`, form);
  if (!NAMES.includes(name)) {
    const near = nearest(name, NAMES);
    const hint = near === undefined ? `names are ${NAMES.join(', ')}` : `did you mean ${near}?`;
    throw invalid(`invalid ulimit type: ${name}`, hint);
  }
  const [soft = '', hard = soft, ...more] = given.split(':');
  if (more.length > 0)
    throw invalid(`too many limit value arguments - ${given}, can only have up to two`, form);
  const wrong = [soft, hard].find((value) => !/^(-1|\d{1,15})$/.test(value));
  if (wrong !== undefined)
    throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(wrong)}: invalid syntax`, form);
  const limit = { name, soft: Number(soft), hard: Number(hard) };
  if (limit.hard !== -1 && (limit.soft === -1 || limit.soft > limit.hard))
    throw invalid(
      `ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`,
      'the soft limit cannot be above the hard one',
    );
  return limit;
}

/** `64m`, `1g`, or bytes. */
export function bytesOf(flag: string, text: string): number {
  const bytes = ramInBytes(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new BuildError('usage', `invalid ${flag} ${JSON.stringify(text)}`, {
    hint: 'write bytes, or a unit: 64m, 1g',
  });
}
