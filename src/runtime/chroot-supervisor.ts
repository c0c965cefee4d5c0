import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { becomeSubreaper } from '../sys/process-calls.js';
import { CHANNEL, type ChrootEnd, type ChrootFailure } from './chroot-job.js';
import { endDescendants } from './descendants.js';

/**
 * Starts who becomes the step, hands on the job, and sees to it that nothing of the step is left: whatever leaves its
 * family becomes our child. The end of the channel means that the engine ended, however that came.
 */
export function superviseStep(): void {
  becomeSubreaper();
  const engine = new Socket({ fd: CHANNEL, readable: true, writable: true });
  const step = spawn(process.execPath, [process.argv[1] ?? '', 'step'], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    detached: true,
  });
  const channel = step.stdio[CHANNEL] as Duplex;
  channel.on('error', () => undefined);
  engine.on('error', () => undefined).on('data', (data: Buffer) => channel.write(data));
  let failure = '';
  channel.on('data', (data: Buffer) => (failure += data.toString()));
  engine.once('close', () => {
    step.kill('SIGKILL');
    void endDescendants(process.pid).then(() => process.exit(0));
  });
  step.once('close', (code, signal) => {
    const end: ChrootEnd = {
      ...{ code, signal },
      ...(failure === '' ? {} : { failure: JSON.parse(failure) as ChrootFailure }),
    };
    void endDescendants(process.pid).then(() => {
      engine.end(`${JSON.stringify(end)}\n`, () => process.exit(0));
    });
  });
}
