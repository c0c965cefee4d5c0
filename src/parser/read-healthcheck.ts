import { parseDuration } from './duration.js';
import type { Flags } from './flags.js';
import type { InstructionBody } from './instruction.js';
import { Problem } from './problem.js';
import type { Source } from './source-text.js';
import { BLANKS, formOf } from './split.js';

export function readHealthcheck({ text, flags }: Source): InstructionBody {
  const type = text.split(BLANKS, 1)[0] ?? '';
  const rest = text.slice(type.length).trim();
  if (type.toUpperCase() === 'NONE') {
    if (rest !== '' || flags.used.length > 0)
      throw new Problem('HEALTHCHECK NONE takes no arguments');
    return { kind: 'healthcheck', options: {} };
  }
  if (type.toUpperCase() !== 'CMD') {
    throw new Problem(
      type === ''
        ? 'HEALTHCHECK requires at least one argument'
        : `unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`,
    );
  }
  const form = formOf(rest);
  if (form.json ? form.args.length === 0 : rest === '')
    throw new Problem('missing command after HEALTHCHECK CMD');
  const options = {
    ...durationFlag(flags, 'interval', 'Interval'),
    ...durationFlag(flags, 'timeout', 'Timeout'),
    ...durationFlag(flags, 'start-period', 'StartPeriod'),
    ...durationFlag(flags, 'start-interval', 'StartInterval'),
    ...retriesFlag(flags),
  };
  return { kind: 'healthcheck', form, options };
}

function durationFlag(flags: Flags, flag: string, field: string): Record<string, number> {
  const text = flags.text(flag);
  return text === undefined ? {} : { [field]: parseDuration(text, flag) };
}

function retriesFlag(flags: Flags): { Retries?: number } {
  const text = flags.text('retries');
  if (text === undefined || text === '') return {};
  if (/^-\d+$/.test(text)) throw new Problem(`--retries cannot be negative (${text})`);
  if (!/^\+?\d+$/.test(text) || Number(text) >= 2 ** 31)
    throw new Problem(`--retries must be a whole number, not ${JSON.stringify(text)}`);
  return { Retries: Number(text) };
}
