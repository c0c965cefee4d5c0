import { spawn } from 'node:child_process';
import {
  closeSync,
  fchownSync,
  openSync,
  readFileSync,
  readSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { passOn } from '../sys/process-calls.js';
import { openPseudoTerminal, sendDescriptor, takeTerminal } from '../sys/pseudo-terminal.js';
import { setTerminalSize } from '../sys/terminal-size.js';
import { CHANNEL, type ChrootContainerJob } from './chroot-job.js';
import { becomeProgram, failureOf } from './chroot-program.js';

/** Of the job in a container's bundle. */
export const JOB_FILE = 'job.json';

/**
 * What a monitor calls as an OCI runtime: `create --bundle DIR --pid-file FILE [--console-socket SOCKET] ID`. Leaves a
 * process behind, the monitor's child by then, that becomes the container's program when it is let begin.
 */
export function createChrootContainer(argv: readonly string[]): void {
  const option = (name: string): string | undefined =>
    argv.includes(name) ? argv[argv.indexOf(name) + 1] : undefined;
  const words = ['init', option('--bundle') ?? '', option('--console-socket') ?? ''];
  const child = spawn(process.execPath, [process.argv[1] ?? '', ...words, argv.at(-1) ?? ''], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    detached: true,
    cwd: '/',
  });
  let said = '';
  const channel = child.stdio[CHANNEL] as Readable;
  channel.on('data', (data: Buffer) => (said += data.toString()));
  channel.once('end', () => {
    if (said === READY && child.pid !== undefined) {
      writeFileSync(option('--pid-file') ?? '', String(child.pid));
      process.exit(0);
    }
    process.stderr.write(said);
    process.exit(1);
  });
}

const READY = 'ready';

/** Waits until it is let begin, and becomes the container's program. */
export function becomeContainer([bundle = '', console = '']: readonly string[]): void {
  let job: ChrootContainerJob;
  let pipes: readonly [start: number, begun: number];
  try {
    passOn(CHANNEL, false); // Loads koffi and libc: in the chroot there may be none.
    job = JSON.parse(readFileSync(join(bundle, JOB_FILE), 'utf8')) as ChrootContainerJob;
    if (console !== '') giveTerminal(console, job);
    // For both ways: else each would wait here for who opens it at its other end.
    pipes = [openSync(job.start, 'r+'), openSync(job.begun, 'r+')];
  } catch (error) {
    writeSync(CHANNEL, error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
  writeSync(CHANNEL, READY);
  closeSync(CHANNEL);
  const [start, begun] = pipes;
  readSync(start, Buffer.alloc(1));
  try {
    unlinkSync(job.start);
    throw becomeProgram(job);
  } catch (error) {
    writeSync(begun, `${JSON.stringify(failureOf(error))}\n`);
    process.exit(127);
  }
}

/** Opens a terminal, gives it to who listens on the socket, and takes it as this process' own. */
export function giveTerminal(
  socket: string,
  { uid, gid, size }: Pick<ChrootContainerJob, 'uid' | 'gid' | 'size'>,
): void {
  const { master, slave } = openPseudoTerminal();
  fchownSync(slave, uid, gid);
  if (size !== undefined) setTerminalSize(slave, size);
  sendDescriptor(socket, master);
  takeTerminal(slave);
  closeSync(master);
  closeSync(slave);
}
