import { goDuration } from '../model/go-duration.js';
import { Problem } from './problem.js';

/** A Go duration (`1m30s`, `1.5h`, `0`) in nanoseconds; nothing is 0, below a millisecond is refused. */
export function parseDuration(text: string, flag: string): number {
  if (text === '') return 0;
  const [sign = ''] = /^[+-]/.exec(text) ?? [];
  const ns = goDuration(text.slice(sign.length));
  if (ns === undefined) {
    throw new Problem(`invalid duration ${JSON.stringify(text)} for --${flag}`, {
      hint: 'durations are like 30s, 1m30s or 500ms',
    });
  }
  if (ns !== 0 && (ns < 1e6 || sign === '-'))
    throw new Problem(`--${flag} cannot be less than 1ms`);
  return ns;
}
