import { errnoError, type ErrnoError } from './errno-error.js';
import { cstring, libc } from './libc.js';

/*
 * Calls by which a process gives up what it has and becomes another program. Those of credentials act on the calling
 * thread alone, as the kernel does it; execve(2) keeps the thread that calls it, and ends the others.
 */

const PR_SET_PDEATHSIG = 1;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const PR_SET_CHILD_SUBREAPER = 36;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const SIGKILL = 9;
const SIGSTOP = 19;
const LAST_SIGNAL = 64;
const LAST_CAPABILITY = 63;

function prctl(option: number, argument: number | bigint, second: number | bigint = 0): number {
  const call = libc().declare('int prctl(int, uint64_t, uint64_t, uint64_t, uint64_t)');
  return call(option, argument, second, 0, 0);
}

function must(done: number, name: string): void {
  if (done !== 0) libc().fail(name);
}

/** Processes whose parent ends become children of this one, not of the first process of all. */
export function becomeSubreaper(): void {
  must(prctl(PR_SET_CHILD_SUBREAPER, 1), 'prctl');
}

/** The kernel kills this process when its parent ends; forgotten when credentials change. */
export function dieWithParent(): void {
  must(prctl(PR_SET_PDEATHSIG, SIGKILL), 'prctl');
}

export function changeRoot(path: string): void {
  must(libc().declare('int chroot(const uint8_t *)')(cstring(path)), 'chroot');
}

/** Only these capabilities, by number, are left to be had, by whatever program; none are inherited. */
export function keepCapabilities(kept: ReadonlySet<number>): void {
  for (let each = 0; each <= LAST_CAPABILITY; each++) {
    if (prctl(PR_CAPBSET_READ, each) !== 1 || kept.has(each)) continue;
    must(prctl(PR_CAPBSET_DROP, each), 'prctl');
  }
  must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL), 'prctl');
}

/** Of what this thread has, what is in `kept`. */
export function limitCapabilities(kept: ReadonlySet<number>): void {
  const c = libc();
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x20080522); // _LINUX_CAPABILITY_VERSION_3
  // Twice effective, permitted, inheritable: the low 32 and the high ones.
  const data = Buffer.alloc(24);
  must(c.declare('int capget(uint8_t *, uint8_t *)')(header, data), 'capget');
  for (const half of [0, 1]) {
    const mask = [...kept]
      .filter((each) => each >> 5 === half)
      .reduce((sum, each) => (sum | (1 << (each & 31))) >>> 0, 0);
    for (const field of [0, 4])
      data.writeUInt32LE((data.readUInt32LE(half * 12 + field) & mask) >>> 0, half * 12 + field);
    data.writeUInt32LE(0, half * 12 + 8);
  }
  must(c.declare('int capset(uint8_t *, uint8_t *)')(header, data), 'capset');
}

/** From now on no program gives more rights than its caller has, whatever bits it has. */
export function forbidPrivileges(): void {
  must(prctl(PR_SET_NO_NEW_PRIVS, 1), 'prctl');
}

/** A compiled seccomp filter for this thread and what becomes of it. */
export function filterCalls(program: Buffer): void {
  // struct sock_fprog: how many instructions, and where.
  const filter = Buffer.alloc(16);
  filter.writeUInt16LE(program.length / 8, 0);
  filter.writeBigUInt64LE(BigInt(libc().address(program)), 8);
  must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, BigInt(libc().address(filter))), 'prctl');
}

/** Both limits of a resource, by its number in resource.h; a negative one is infinity. */
export function setLimit(resource: number, soft: number, hard: number): void {
  const limits = BigUint64Array.from(
    [soft, hard].map((value) => BigInt.asUintN(64, BigInt(value))),
  );
  must(libc().declare('int setrlimit(int, const uint64_t *)')(resource, limits), 'setrlimit');
}

/** What was ignored or blocked is not, in the next program. */
export function resetSignals(): void {
  const c = libc();
  const signal = c.declare('void *signal(int, void *)');
  for (let each = 1; each <= LAST_SIGNAL; each++)
    if (each !== SIGKILL && each !== SIGSTOP) signal(each, null);
  c.declare('int sigprocmask(int, const uint8_t *, void *)')(2, Buffer.alloc(128), null);
}

/** Whether the next program has this descriptor. */
export function passOn(fd: number, passed: boolean): void {
  libc().declare('int fcntl(int, int, int)')(fd, 2, passed ? 0 : 1); // F_SETFD, FD_CLOEXEC
}

/** Returns only when the program cannot be had: why. */
export function execute(file: string, args: readonly string[], env: readonly string[]): ErrnoError {
  const c = libc();
  const execve = c.declare('int execve(const uint8_t *, const char **, const char **)');
  execve(cstring(file), [...args, null], [...env, null]);
  return errnoError(c.errno(), 'execve', file);
}

/** Takes away what is left of a child that ended; false when it has not ended. */
export function reap(pid: number): boolean {
  const waitpid = libc().declare('int waitpid(int, void *, int)');
  return waitpid(pid, null, 1) === pid; // WNOHANG
}
