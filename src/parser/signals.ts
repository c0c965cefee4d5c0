import { nearest } from '../model/nearest.js';
import { Problem } from './problem.js';

const NAMES = (
  'HUP INT QUIT ILL TRAP ABRT IOT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CLD CONT STOP ' +
  'TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO POLL PWR SYS UNUSED'
).split(' ');

/** A signal's name (SIG optional, any case) or number 1 to 64, as written. Throws Problem else. */
export function checkSignal(text: string): string {
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 64) return text;
  if (NAMES.includes(name) || /^RTM(IN|AX)([+-]\d+)?$/.test(name)) return text;
  const near = nearest(name, NAMES);
  throw new Problem(
    `invalid signal: ${text}`,
    near === undefined ? {} : { hint: `did you mean SIG${near}?` },
  );
}
