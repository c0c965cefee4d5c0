import { readSync, writeSync } from 'node:fs';
import { dieWithParent, passOn } from '../sys/process-calls.js';
import { takeTerminal } from '../sys/pseudo-terminal.js';
import { CHANNEL, type ChrootJob } from './chroot-job.js';
import { becomeProgram, failureOf } from './chroot-program.js';

/** Waits for a job on its channel and becomes its program. */
export function becomeStep(): void {
  const parent = process.ppid;
  passOn(CHANNEL, false); // Loads koffi and libc: in the chroot there may be none.
  const job = readJob();
  if (job === undefined) process.exit(0); // Nobody needs it any more.
  try {
    if (job.terminal === true) takeTerminal(0);
    throw becomeProgram(job, () => {
      if (job.stays === true) return;
      dieWithParent();
      if (process.ppid !== parent) process.exit(0);
    });
  } catch (error) {
    writeSync(CHANNEL, `${JSON.stringify(failureOf(error))}\n`);
    process.exit(125);
  }
}

function readJob(): ChrootJob | undefined {
  const chunks: Buffer[] = [];
  const buffer = Buffer.alloc(1 << 16);
  for (;;) {
    const read = readSync(CHANNEL, buffer);
    if (read === 0) return undefined;
    chunks.push(Buffer.from(buffer.subarray(0, read)));
    if (buffer[read - 1] !== 10) continue;
    return JSON.parse(Buffer.concat(chunks).toString()) as ChrootJob;
  }
}
