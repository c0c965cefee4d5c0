import type { InstructionBody } from './instruction.js';
import { Problem } from './problem.js';
import type { Source } from './source-text.js';
import { formOf } from './split.js';

export function readRun({ text, flags, heredocs }: Source): InstructionBody {
  if (text === '') throw new Problem('RUN requires at least one argument');
  const form = formOf(text);
  if (form.json && form.args.length === 0) throw new Problem('RUN requires at least one argument');
  const network = flags.text('network');
  if (network === undefined) return { kind: 'run', form, heredocs };
  if (network === 'default' || network === 'none' || network === 'host')
    return { kind: 'run', form, heredocs, network };
  throw new Problem(`invalid network mode ${JSON.stringify(network)}`, {
    hint: 'use default, none or host',
  });
}
