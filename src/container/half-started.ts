import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { statOf } from '../sys/process-start.js';
import { deliver } from './deliver.js';

const KILL = 9;

/** Whether a container (`dir` is its directory) is made and its process has not begun: the runtime's fifo is read at the start. */
export function isUnbegun(dir: string, id: string): boolean {
  return existsSync(join(dir, 'runtime', id, 'exec.fifo'));
}

/**
 * Ends what is left of a container's start when who started it, its monitor or its runtime was killed half way: a process
 * that waits to be let begin, and who was about to make it. To be called by who holds the lock of starting: a monitor
 * that is not known by its pid, or has no process to watch over, is nobody's then.
 */
export function killHalfStarted(dir: string, id: string): void {
  const monitor = numberIn(join(dir, 'monitor.pid'));
  const pid = numberIn(join(dir, 'pid'));
  if (monitor === undefined || pid === undefined || !isMonitor(monitor, id)) {
    for (const stray of strays(id)) deliver(stray, KILL);
    return;
  }
  // Its monitor's child: not another's that got the number of one that is gone.
  if (statOf(pid)?.[1] === String(monitor)) deliver(pid, KILL);
}

const STARTERS = ['conmon', 'crun', 'runc'];
const CHROOT = /\/chroot(-main)?\.c?js$/;

/** Monitors and runtimes that have the container's id on their command line. */
function strays(id: string): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    const [program = '', ...args] = commandLine(pid).split('\0');
    // A chroot's are node's, which every command of ours is.
    const ours = STARTERS.includes(basename(program)) || CHROOT.test(args[0] ?? '');
    return ours && args.includes(id);
  });
}

/** Whether the process whose pid a file names is the monitor of this container. */
export function hasMonitor(dir: string, id: string): boolean {
  const pid = numberIn(join(dir, 'monitor.pid'));
  return pid !== undefined && isMonitor(pid, id);
}

/** Ends the process whose pid a file holds, with what it started, if it is one of this container's. */
export function killNamed(file: string, id: string): void {
  const pid = numberIn(file);
  // It leads a session of its own.
  if (pid !== undefined && isMonitor(pid, id)) deliver(-pid, KILL);
}

function isMonitor(pid: number, id: string): boolean {
  return commandLine(pid).includes(id);
}

/** Words ended by NUL; '' for a process that is gone. */
function commandLine(pid: number): string {
  return readOr(`/proc/${String(pid)}/cmdline`) ?? '';
}

function numberIn(file: string): number | undefined {
  const text = readOr(file)?.trim() ?? '';
  return text === '' ? undefined : Number(text);
}

function readOr(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH', 'ENOTDIR')) return undefined;
    throw error;
  }
}
