import { accessSync, constants, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { hasCode } from './model/has-code.js';
import type { Blocked } from './runtime/blocked.js';
import { ladderOf, type Rung, runs } from './runtime/ladder.js';
import {
  type CgroupFacts,
  cgroupFacts,
  ladderFacts,
  type ProgramFacts,
  programFacts,
} from './runtime/machine-facts.js';
import { privileges } from './sys/privileges.js';
import { overlayProblem } from './sys/overlay-problem.js';
import { sys } from './sys/sys.js';
import { hasPrivateMounts, type Workshop } from './workshop.js';
import { SYSTEM_PATH } from './sys/system-path.js';

/** What this machine lets stave do, and what to do about the rest. */
export interface Diagnosis {
  /** What this process stands on: 1 is the best. */
  readonly rung: Rung['rung'];
  readonly ladder: readonly Rung[];
  /** Dockerfiles without RUN can be built. */
  readonly builds: boolean;
  /** RUN works. */
  readonly runs: boolean;
  /** `run`, `exec` and their kin work. */
  readonly containers: boolean;
  readonly kernel: string;
  readonly programs: readonly ProgramFacts[];
  readonly overlay: 'works' | 'not tried' | 'fails';
  readonly cgroups: CgroupFacts;
  /** /dev/fuse can be opened. */
  readonly fuse: boolean;
  readonly store: StoreFacts;
}

export interface StoreFacts {
  readonly path?: string;
  readonly filesystem?: string;
  /** Bytes. */
  readonly free?: number;
  /** Why it cannot be used. */
  readonly problem?: string;
  readonly remedy?: string;
}

/** Examines the machine; nothing is kept, and what is tried is undone. */
export async function diagnose(workshop: Workshop): Promise<Diagnosis> {
  const { env } = workshop;
  const path = env['PATH'] ?? SYSTEM_PATH;
  const privateMounts = hasPrivateMounts(env);
  const { store, directory } = await examineStore(workshop);
  const overlay = !privateMounts || directory === undefined ? 'untried' : tryOverlay(directory);
  const failed = typeof overlay === 'object' ? overlay : undefined;
  const facts = ladderFacts({ path, privateMounts, overlay: failed });
  const ladder = ladderOf(facts);
  const builds = store.problem === undefined;
  const steps = builds && runs(facts);
  const programs = programFacts(path);
  const monitored = programs.some((each) => each.name === 'conmon' && each.path !== undefined);
  return {
    rung: ladder.find(({ here }) => here)?.rung ?? 4,
    ladder,
    builds,
    runs: steps,
    containers: steps && monitored,
    kernel: release(),
    programs,
    overlay: overlay === 'untried' ? 'not tried' : failed === undefined ? 'works' : 'fails',
    cgroups: cgroupFacts(),
    fuse: canOpen('/dev/fuse'),
    store,
  };
}

async function examineStore(
  workshop: Workshop,
): Promise<{ readonly store: StoreFacts; readonly directory?: string }> {
  try {
    const { root } = workshop.store;
    const directory = (await workshop.store.lease()).dir;
    const { bavail, bsize } = statfsSync(root);
    const facts = { path: root, filesystem: filesystemOf(root), free: bavail * bsize };
    return { store: { ...facts, ...tryAttributes(directory) }, directory };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const remedy = 'hint' in error && typeof error.hint === 'string' ? { remedy: error.hint } : {};
    return { store: { problem: error.message, ...remedy } };
  }
}

/** Where files cannot be given their owners, those are kept as attributes. */
function tryAttributes(directory: string): Pick<StoreFacts, 'problem' | 'remedy'> {
  if (privileges().ids !== 'own') return {};
  const file = join(directory, 'attributes');
  try {
    writeFileSync(file, '');
    sys().lsetxattr(file, 'user.stave.inode', Buffer.from('x'));
    return {};
  } catch (error) {
    if (!hasCode(error, 'ENOTSUP', 'EOPNOTSUPP', 'EPERM')) throw error;
    const problem = 'its filesystem keeps no user attributes, which owners are written to here';
    return { problem, remedy: 'set STAVE_ROOT to a directory on ext4, xfs or btrfs' };
  }
}

function tryOverlay(directory: string): Blocked | 'works' {
  const problem = overlayProblem(directory);
  if (problem === undefined) return 'works';
  const what = `overlayfs cannot be mounted: ${problem}`;
  const remedy = 'Linux 6.5 or later, and a store that is not on overlayfs or NFS: set STAVE_ROOT';
  return { what, remedy };
}

/** proc(5), mountinfo: the mount point is the fifth field, the type the first after ` - `. */
function filesystemOf(path: string): string {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');
  const at = mounts.map((line) => ({
    point: line.split(' ')[4] ?? '',
    type: / - (\S+)/.exec(line)?.[1] ?? '',
  }));
  const holds = at.filter(
    ({ point }) => point === '/' || path === point || path.startsWith(`${point}/`),
  );
  return holds.sort((a, b) => b.point.length - a.point.length)[0]?.type ?? 'unknown';
}

function canOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
