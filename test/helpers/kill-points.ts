import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StaveWorld } from './stave.js';

/** A moment in the life of a command: before the nth call of this name by its main thread. */
export interface KillPoint {
  readonly call: string;
  readonly nth: number;
  /** What it is about to do, for who reads the report. */
  readonly text: string;
}

/** What changes something that outlives the process, or tells another process to. */
const CALLS = [
  ...['openat', 'creat', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'mkdir'],
  ...['mkdirat', 'rmdir', 'write', 'pwrite64', 'fsync', 'fdatasync', 'syncfs', 'ftruncate'],
  ...['link', 'linkat', 'symlink', 'symlinkat', 'clone', 'vfork', 'flock', 'kill', 'utimensat'],
  ...['chmod', 'fchmod', 'chown', 'fchown', 'lchown', 'setxattr', 'lsetxattr', 'fsmount'],
  ...['move_mount', 'open_tree', 'mount', 'umount2', 'mknodat', 'exit_group'],
];

/** strace(1) traces the thread it starts, which executes the engine: what works in the pool or in children is others'. */
const STRACE = ['-qq', '-y', '-e', `trace=${CALLS.join(',')}`];

const STAVE = join(process.cwd(), 'bin/stave');

/**
 * The moments of one run of a command at which something was just changed: what a kill finds is the same from there to the
 * next change. Two runs are nearly alike, so a point of one is a point of the other or one beside it.
 */
export function killPoints(world: StaveWorld, args: readonly string[], input = ''): KillPoint[] {
  const log = join(world.dir, 'strace.log');
  const traced = spawnSync('strace', [...STRACE, '-o', log, STAVE, ...args], {
    env: world.env,
    input,
    encoding: 'utf8',
  });
  if (traced.status !== 0) throw new Error(`stave ${args.join(' ')}: ${traced.stderr}`);
  return pointsOf(readFileSync(log, 'utf8').split('\n'), world.root);
}

function pointsOf(lines: readonly string[], root: string): KillPoint[] {
  const counts = new Map<string, number>();
  const points: KillPoint[] = [];
  let changed = false;
  for (const text of lines) {
    const call = /^(\w+)\(/.exec(text)?.[1];
    if (call === undefined) continue;
    const nth = (counts.get(call) ?? 0) + 1;
    counts.set(call, nth);
    // A thread's wake-up comes in another number each time.
    const fleeting = call === 'write' && /^write\(\d+<(pipe|anon_inode):/.test(text);
    if (changed && !fleeting) {
      points.push({ call, nth, text: text.replaceAll(root, 'STORE').slice(0, 200) });
      changed = false;
    }
    changed ||= !fleeting && changes(text, root);
  }
  return points;
}

/** Of the store, or of another process: what it does to its own mounts and to nothing is gone with it. */
function changes(text: string, root: string): boolean {
  if (text.includes(' = -1 E')) return false;
  if (/^(clone|vfork|kill)\(/.test(text)) return true;
  if (text.startsWith('openat(') && !/O_CREAT|O_TRUNC/.test(text)) return false;
  if (/^(fsync|fdatasync|syncfs|mount|umount2|mknodat|exit_group|fsmount)\(/.test(text))
    return false;
  return text.includes(root) || text.includes('/sys/fs/cgroup');
}

/** Runs a command that is killed at this moment. False when the moment did not come. */
export function killAt(
  world: StaveWorld,
  { call, nth }: KillPoint,
  args: readonly string[],
): Promise<boolean> {
  const inject = `inject=${call}:signal=KILL:when=${String(nth)}`;
  const child = spawn('strace', ['-qq', '-o', '/dev/null', '-e', inject, STAVE, ...args], {
    env: world.env,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end('some\ninput\n');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // strace ends as what it traced did.
    child.once('exit', (_code, signal) => {
      resolve(signal === 'SIGKILL');
    });
  });
}

/** Spread evenly, each time others: what is seen in a day is all of them. */
export function sampled<T>(all: readonly T[], count: number): readonly T[] {
  if (count >= all.length) return all;
  const offset = Math.random();
  return Array.from({ length: count }, (_, i) => {
    const at = Math.floor(((i + offset) * all.length) / count);
    return all[at] as T; // Below the length, for offset is below 1.
  });
}
