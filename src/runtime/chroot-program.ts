import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { hasCode } from '../model/has-code.js';
import type { ErrnoError } from '../sys/errno-error.js';
import {
  changeRoot,
  execute,
  filterCalls,
  forbidPrivileges,
  keepCapabilities,
  limitCapabilities,
  passOn,
  resetSignals,
  setLimit,
} from '../sys/process-calls.js';
import type { ChrootFailure, ChrootJob } from './chroot-job.js';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Makes this process the job's program: in the chroot, with nothing open but 0, 1 and 2, and without the capabilities that
 * lead out of it. Returns why it could not. Everything is loaded before, for afterwards there are only the image's files;
 * `last` is called when nothing can fail but the program itself.
 */
export function becomeProgram(job: ChrootJob, last: () => void = () => undefined): ErrnoError {
  enter(job);
  last();
  resetSignals();
  if (job.noNewPrivileges === true || job.seccomp !== undefined) forbidPrivileges();
  if (job.seccomp !== undefined) filterCalls(Buffer.from(job.seccomp, 'base64'));
  return start(job);
}

function enter(job: ChrootJob): void {
  // Node keeps even 0, 1 and 2 to itself.
  for (const fd of readdirSync('/proc/self/fd').map(Number)) passOn(fd, fd <= 2);
  for (const [resource, soft, hard] of job.limits) setLimit(resource, soft, hard);
  if (job.oomScoreAdj !== undefined)
    writeFileSync('/proc/self/oom_score_adj', String(job.oomScoreAdj));
  const mayGroup = !readFileSync('/proc/self/setgroups', 'latin1').startsWith('deny');
  changeRoot(job.root);
  process.chdir('/');
  process.chdir(job.cwd);
  process.umask(0o022);
  const kept = new Set(job.capabilities);
  keepCapabilities(kept);
  // In a user namespace of one id there are no others to be had.
  if (mayGroup) process.setgroups?.([...job.groups]);
  process.setgid?.(job.gid);
  process.setuid?.(job.uid);
  limitCapabilities(kept);
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

export function failureOf(error: unknown): ChrootFailure {
  if (!(error instanceof Error)) return { code: String(error), syscall: '' };
  const { code = error.message, syscall = '', path } = error as Partial<ErrnoError>;
  if (path === undefined) return { code, syscall };
  const directory = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return { code, syscall, path, directory };
}
