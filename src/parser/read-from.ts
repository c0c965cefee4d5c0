import type { InstructionBody } from './instruction.js';
import { Problem } from './problem.js';
import type { Source } from './source-text.js';
import { BLANKS } from './split.js';

export function readFrom({ text, flags }: Source): InstructionBody {
  const [base, as, stage, ...more] = text.split(BLANKS);
  const valid = as === undefined || (stage !== undefined && as.toUpperCase() === 'AS');
  if (base === undefined || base === '' || !valid || more.length > 0) {
    throw new Problem('FROM requires either one or three arguments', {
      hint: 'write FROM image or FROM image AS name',
    });
  }
  const name = stage?.toLowerCase();
  if (name !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(name)) {
    throw new Problem(
      `invalid name for build stage: ${JSON.stringify(stage)}, name can't start with a number or contain symbols`,
    );
  }
  const platform = flags.text('platform');
  return {
    kind: 'from',
    base,
    ...(name === undefined ? {} : { stage: name }),
    ...(platform === undefined ? {} : { platform }),
  };
}
