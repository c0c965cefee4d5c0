import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { privileges } from '../sys/privileges.js';
import { type Blocked, whyNoNamespaces, whyNoProc } from './blocked.js';
import { chrootProblem } from './chroot-problem.js';
import type { LadderFacts } from './ladder.js';
import { machineLimits } from './machine-limits.js';
import { findProgram, mountsProc } from './prepare.js';

export interface MachineOptions {
  readonly path: string;
  readonly privateMounts: boolean;
  /** What mounting an overlay says; undefined when it works or cannot be tried. */
  readonly overlay: Blocked | undefined;
}

/** Looks, and tries, everything anew: nothing here is remembered. */
export function ladderFacts({ path, privateMounts, overlay }: MachineOptions): LadderFacts {
  const { userNamespace, idCount } = privileges();
  const uid = outerUid();
  const chroot = chrootProblem();
  const help = spawnSync('unshare', ['--help'], { encoding: 'utf8' });
  return {
    uid,
    privateMounts,
    userNamespace,
    idCount,
    runtime: ['crun', 'runc'].some((name) => findProgram(name, path) !== undefined),
    newuidmap: findProgram('newuidmap', path) !== undefined,
    // Absent where unshare itself is: then nothing else works either.
    mapsRanges: help.stdout.includes('--map-auto'),
    subordinateIds: subordinateIds(uid),
    ...(privateMounts ? {} : { namespaces: whyNoNamespaces() }),
    ...(privateMounts && userNamespace && !mountsProc() ? { proc: whyNoProc() } : {}),
    ...(overlay === undefined ? {} : { overlay }),
    ...(chroot === undefined ? {} : { chroot }),
  };
}

/** Of who called bin/stave: in a namespace it made, that is root. */
function outerUid(): number {
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0 || process.env['STAVE_ROOTLESS'] === undefined) return uid;
  return Number(readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/)[1]);
}

/** subuid(5): `NAME or UID:FIRST:COUNT`; unshare(1) takes the first line of a user. */
function subordinateIds(uid: number): number {
  const name = linesOf('/etc/passwd').find(([, , id]) => id === String(uid))?.[0];
  const counts = ['/etc/subuid', '/etc/subgid'].map((file) => {
    const line = linesOf(file).find(([who]) => who === name || who === String(uid));
    return Number(line?.[2] ?? 0);
  });
  return Math.min(...counts);
}

function linesOf(file: string): string[][] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return []; // There need not be one.
  }
}

export interface ProgramFacts {
  readonly name: string;
  readonly path?: string;
  readonly version?: string;
  /** What it is for, of one that is missing. */
  readonly needed: string;
}

const PROGRAMS: readonly (readonly [name: string, needed: string])[] = [
  ['crun', 'RUN and run: apt-get install crun'],
  ['runc', 'RUN and run where there is no crun'],
  ['conmon', 'run, start: apt-get install conmon'],
  ['netavark', 'networks: apt-get install netavark'],
  ['aardvark-dns', 'names on networks: apt-get install aardvark-dns'],
  ['slirp4netns', 'rootless networks: apt-get install slirp4netns'],
  ['newuidmap', 'rootless: apt-get install uidmap'],
  ['git', 'git contexts and ADD of repositories: apt-get install git'],
];

/** Where distributions keep what is not for people. */
const ALSO = '/usr/lib/podman:/usr/libexec/podman';

export function programFacts(path: string): readonly ProgramFacts[] {
  return PROGRAMS.map(([name, needed]) => {
    const found = findProgram(name, `${path}:${ALSO}`);
    if (found === undefined) return { name, needed };
    const version = name === 'newuidmap' ? undefined : versionOf(found);
    return { name, needed, path: found, ...(version === undefined ? {} : { version }) };
  });
}

function versionOf(program: string): string | undefined {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 5000 });
  return /\d+\.\d+\S*/.exec(stdout)?.[0];
}

export interface CgroupFacts {
  readonly version: 'v1' | 'v2' | 'hybrid' | 'none';
  /** Limits of memory, CPU and processes are enforced. */
  readonly limits: boolean;
}

const CGROUP2_MAGIC = 0x63677270;

export function cgroupFacts(): CgroupFacts {
  const root = '/sys/fs/cgroup';
  const isV2 = (path: string): boolean =>
    existsSync(path) && statfsSync(path).type === CGROUP2_MAGIC;
  const limits = machineLimits(root).memory;
  if (isV2(root)) return { version: 'v2', limits };
  if (!existsSync(`${root}/memory`)) return { version: 'none', limits: false };
  return { version: isV2(`${root}/unified`) ? 'hybrid' : 'v1', limits };
}
