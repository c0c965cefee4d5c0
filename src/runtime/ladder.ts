import { SUBORDINATE_IDS } from '../sys/subordinate-ids.js';
import type { Blocked } from './blocked.js';

/** What decides how far up the ladder this process can go. */
export interface LadderFacts {
  /** The user's, outside of namespaces that bin/stave made. */
  readonly uid: number;
  /** This process has a mount namespace of its own. */
  readonly privateMounts: boolean;
  readonly userNamespace: boolean;
  readonly idCount: number;
  /** crun or runc is there. */
  readonly runtime: boolean;
  readonly newuidmap: boolean;
  /** unshare(1) can map subordinate ids (util-linux 2.38). */
  readonly mapsRanges: boolean;
  /** Of the user's first line in /etc/subuid; 0 for none. */
  readonly subordinateIds: number;
  /** Why not, each where it does not work. */
  readonly namespaces?: Blocked;
  readonly proc?: Blocked;
  readonly overlay?: Blocked;
  /** Asked where there are no namespaces. */
  readonly chroot?: Blocked;
}

/** One way to run a step, the best first (DESIGN 5). */
export interface Rung {
  readonly rung: 1 | 2 | 3 | 4;
  readonly name: string;
  /** What works on it. */
  readonly gives: string;
  readonly available: boolean;
  /** The best of those that are available: what this process stands on. */
  readonly here: boolean;
  /** What keeps this process from it, if it is higher than what it has. */
  readonly blocked?: string;
  readonly remedy?: string;
}

type Part = Pick<Rung, 'rung' | 'name' | 'gives'>;

const NO_OVERLAY = 3;
const SHARED_PROC = 4;
const CHROOT = 5;
const NOTHING = 6;

const RUNGS: readonly Part[] = [
  { rung: 1, name: 'root', gives: 'everything' },
  { rung: 2, name: 'rootless, subordinate ids', gives: 'everything but limits and device nodes' },
  { rung: 3, name: 'rootless, one id', gives: 'RUN and run as root only, without chown to others' },
  { rung: 3, name: 'no overlay', gives: 'RUN and run on copies of their roots, slower' },
  { rung: 4, name: 'shared /proc', gives: 'RUN and run among the processes of this container' },
  {
    rung: 4,
    name: 'chroot',
    gives: 'RUN and run without /proc, /sys, networks, volumes and limits',
  },
  { rung: 4, name: 'no namespaces', gives: 'builds without RUN' },
];

/** The ladder from the top down to what this process stands on; below that nothing is blocked. */
export function ladderOf(facts: LadderFacts): readonly Rung[] {
  const stands = placeOf(facts);
  return RUNGS.map((part, place) => {
    const here = place === stands;
    if (place >= stands) return { ...part, available: true, here };
    const { what, remedy } = blockerOf(place, facts);
    return { ...part, available: false, here, blocked: what, remedy };
  });
}

export function runs(facts: LadderFacts): boolean {
  return placeOf(facts) < NOTHING;
}

function placeOf(facts: LadderFacts): number {
  const { privateMounts, userNamespace, idCount, chroot, overlay } = facts;
  if (!privateMounts) return chroot === undefined ? CHROOT : NOTHING;
  if (!facts.runtime) return NOTHING;
  if (facts.proc !== undefined) return SHARED_PROC;
  if (overlay !== undefined) return NO_OVERLAY;
  if (!userNamespace) return 0;
  return idCount > 1 ? 1 : 2;
}

function blockerOf(place: number, facts: LadderFacts): Blocked {
  // A chroot is for where there are no namespaces.
  if (place === CHROOT) return (facts.privateMounts ? common(facts) : facts.chroot) ?? UNKNOWN;
  const own = place === 0 ? aboveRoot(facts) : place === 1 ? aboveRanges(facts) : undefined;
  return own ?? facts.namespaces ?? common(facts) ?? facts.overlay ?? UNKNOWN;
}

const UNKNOWN: Blocked = { what: 'it was not tried', remedy: 'start stave by bin/stave' };

function aboveRoot({ uid, userNamespace }: LadderFacts): Blocked | undefined {
  if (uid !== 0) return { what: `uid ${String(uid)} is an ordinary user`, remedy: 'sudo stave' };
  if (!userNamespace) return undefined;
  const remedy = 'run stave outside of this container';
  return { what: "root here is not the machine's root", remedy };
}

function aboveRanges(facts: LadderFacts): Blocked | undefined {
  if (facts.uid === 0) {
    const what = 'root of a container has no subordinate ids';
    const remedy = 'run the container with --privileged, or as an ordinary user';
    return facts.namespaces ?? common(facts) ?? facts.overlay ?? { what, remedy };
  }
  if (facts.namespaces !== undefined) return undefined;
  if (!facts.newuidmap)
    return { what: 'newuidmap is not installed', remedy: 'sudo apt-get install uidmap' };
  if (facts.subordinateIds === 0)
    return { what: 'the user has no line in /etc/subuid and /etc/subgid', remedy: SUBORDINATE_IDS };
  if (!facts.mapsRanges)
    return { what: 'unshare(1) has no --map-auto', remedy: 'install util-linux 2.38 or later' };
  return undefined;
}

function common({ runtime, proc }: LadderFacts): Blocked | undefined {
  if (!runtime)
    return { what: 'neither crun nor runc is installed', remedy: 'sudo apt-get install crun' };
  return proc;
}
