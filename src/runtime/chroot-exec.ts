import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { passOn } from '../sys/process-calls.js';
import { giveTerminal } from './chroot-container.js';
import { CHANNEL, type ChrootContainerJob } from './chroot-job.js';
import { becomeProgram, failureOf } from './chroot-program.js';

/**
 * One more process of a container, on a terminal: `JOB FAILURE --pid-file FILE --console-socket SOCKET`, as a runtime is
 * asked to leave one. Why there is none is written to the file FAILURE.
 */
export function execInChroot([job = '', failure = '', ...flags]: readonly string[]): void {
  const option = (name: string): string => flags[flags.indexOf(name) + 1] ?? '';
  const words = ['enter', job, option('--console-socket')];
  const child = spawn(process.execPath, [process.argv[1] ?? '', ...words], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let said = '';
  const channel = child.stdio[CHANNEL] as Readable;
  channel.on('data', (data: Buffer) => (said += data.toString()));
  channel.once('end', () => {
    if (said === '') writeFileSync(option('--pid-file'), String(child.pid ?? 0));
    else writeFileSync(failure, said);
    process.exit(said === '' ? 0 : 1);
  });
}

/** The end of its channel without a word means that it has become the program. */
export function becomeExec([file = '', console = '']: readonly string[]): void {
  try {
    passOn(CHANNEL, false); // Loads koffi and libc: in the chroot there may be none.
    const job = JSON.parse(readFileSync(file, 'utf8')) as ChrootContainerJob;
    giveTerminal(console, job);
    throw becomeProgram(job);
  } catch (error) {
    writeSync(CHANNEL, `${JSON.stringify(failureOf(error))}\n`);
    process.exit(125);
  }
}
