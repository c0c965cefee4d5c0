import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { libc } from './libc.js';

/**
 * The root directory of a process as /proc says it: another than `/` only of one in a chroot. Root of a container may look
 * at another user's process only as that user: it becomes so for the moment of looking. Undefined when the process is
 * gone, or does not let itself be looked at.
 */
export function rootOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${String(pid)}/root`);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined;
    if (!hasCode(error, 'EACCES', 'EPERM')) throw error;
  }
  const [uid, gid] = ['Uid', 'Gid'].map((name) => effectiveId(pid, name));
  return uid === undefined || gid === undefined ? undefined : readAs(pid, uid, gid);
}

/** setfsuid(2): of this thread alone, and only for what is looked up in filesystems. */
function readAs(pid: number, uid: number, gid: number): string | undefined {
  const c = libc();
  const setUid = c.declare('int setfsuid(uint32_t)');
  const setGid = c.declare('int setfsgid(uint32_t)');
  const [before, group] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  setGid(gid);
  setUid(uid);
  try {
    return readlinkSync(`/proc/${String(pid)}/root`);
  } catch {
    return undefined;
  } finally {
    setUid(before);
    setGid(group);
  }
}

function effectiveId(pid: number, name: string): number | undefined {
  try {
    const status = readFileSync(`/proc/${String(pid)}/status`, 'latin1');
    const id = new RegExp(`^${name}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status)?.[1];
    return id === undefined ? undefined : Number(id);
  } catch {
    return undefined; // It just ended.
  }
}

/** Processes whose root is this directory, those that ended and were not waited for left out. */
export function processesIn(root: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => rootOf(pid) === root && !hasEnded(pid));
}

function hasEnded(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    return /[ZX]/.test(stat.charAt(stat.lastIndexOf(')') + 2));
  } catch {
    return true;
  }
}

/** Kills them all. They are stopped first, so that none can make another meanwhile. */
export function endProcessesIn(root: string): void {
  for (let seen = -1, now = processesIn(root); now.length !== seen; now = processesIn(root)) {
    seen = now.length;
    for (const pid of now) send(pid, 'SIGSTOP');
  }
  for (let now = processesIn(root); now.length > 0; now = processesIn(root))
    for (const pid of now) send(pid, 'SIGKILL');
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It just ended.
  }
}
