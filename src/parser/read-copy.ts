import type { InstructionBody } from './instruction.js';
import { notYet, Problem } from './problem.js';
import type { Source } from './source-text.js';
import { plainWords } from './split.js';

export function readCopy({ keyword, text, flags }: Source): InstructionBody {
  const words = plainWords(text);
  const dest = words[words.length - 1];
  if (dest === undefined || words.length < 2) {
    throw new Problem(
      `${keyword} requires at least two arguments, but only ${String(words.length)} ${words.length === 1 ? 'was' : 'were'} provided. Destination could not be determined`,
    );
  }
  const sources = words.slice(0, -1);
  const remote = sources.find((source) => /^(https?|git|ssh):\/\/|^git@/.test(source));
  if (remote !== undefined && keyword === 'ADD') throw notYet(`ADD of a remote source (${remote})`);
  if (remote !== undefined) throw new Problem(`source can't be a URL for COPY: ${remote}`);
  if (flags.get('from')?.includes('$') === true) {
    throw new Problem('variable expansion is not supported for --from', {
      hint: 'define a new stage with FROM using ARG from global scope',
    });
  }
  return {
    kind: 'copy',
    instruction: keyword === 'ADD' ? 'ADD' : 'COPY',
    sources,
    dest,
    ...Object.fromEntries(flags),
  };
}
