import { readdirSync, readSync, statSync, writeSync } from 'node:fs';
import { posix } from 'node:path';
import { hasCode } from '../model/has-code.js';
import type { ErrnoError } from '../sys/errno-error.js';
import {
  changeRoot,
  dieWithParent,
  execute,
  keepCapabilities,
  limitCapabilities,
  passOn,
  resetSignals,
  setLimit,
} from '../sys/process-calls.js';
import { CHANNEL, type ChrootFailure, type ChrootJob } from './chroot-job.js';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Waits for a job and becomes its program: in the chroot, with nothing open but 0, 1 and 2, and without the
 * capabilities that lead out of it. Everything is loaded before, for afterwards there are only the image's files.
 */
export function becomeStep(): void {
  const parent = process.ppid;
  passOn(CHANNEL, false); // Loads koffi and libc: in the chroot there may be none.
  const job = readJob();
  if (job === undefined) process.exit(0); // Nobody needs it any more.
  try {
    enter(job);
    dieWithParent();
    if (process.ppid !== parent) process.exit(0);
    throw start(job);
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

function enter(job: ChrootJob): void {
  // Node keeps even 0, 1 and 2 to itself.
  for (const fd of readdirSync('/proc/self/fd').map(Number)) passOn(fd, fd <= 2);
  for (const [resource, soft, hard] of job.limits) setLimit(resource, soft, hard);
  changeRoot(job.root);
  process.chdir('/');
  process.chdir(job.cwd);
  process.umask(0o022);
  const kept = new Set(job.capabilities);
  keepCapabilities(kept);
  process.setgroups?.([...job.groups]);
  process.setgid?.(job.gid);
  process.setuid?.(job.uid);
  limitCapabilities(kept);
  resetSignals();
}

/** Tries what the program may be, in the order of PATH; returns why it is none. */
function start({ args, env }: ChrootJob): ErrnoError {
  const [program = ''] = args;
  const path = env.findLast((each) => each.startsWith('PATH='))?.slice(5) ?? DEFAULT_PATH;
  const files = program.includes('/')
    ? [program]
    : path.split(':').map((directory) => posix.join(directory === '' ? '.' : directory, program));
  let failure: ErrnoError | undefined;
  for (const file of files) {
    const error = execute(file, args, env);
    // One that may not be executed is told of only when there is no other.
    if (failure === undefined || !hasCode(error, 'ENOENT', 'ENOTDIR')) failure = error;
    if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) break;
  }
  if (failure === undefined) throw new Error('no program');
  return failure;
}

function failureOf(error: unknown): ChrootFailure {
  if (!(error instanceof Error)) return { code: String(error), syscall: '' };
  const { code = error.message, syscall = '', path } = error as Partial<ErrnoError>;
  if (path === undefined) return { code, syscall };
  const directory = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return { code, syscall, path, directory };
}
