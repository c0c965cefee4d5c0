import { closeSync, existsSync, lstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildRecord, BuildSummary } from '../model/build-record.js';
import { BuildSteps, countSteps } from '../model/build-steps.js';
import type { BuildEvent } from '../model/events.js';
import { EventDecoder } from '../model/stored-event.js';
import { hasCode } from '../model/has-code.js';
import { since } from '../model/since.js';
import { sys } from '../sys/sys.js';
import {
  beginJournal,
  type BuildJournal,
  type JournalEntry,
  type JournalText,
  readAt,
  readJournal,
  writeJournal,
} from './build-journal.js';
import { diskBytes } from './directory-size.js';
import { namesIn } from './names-in.js';
import { takeOut } from './take-out.js';

/** What is kept of builds: so many, so long, so much; the last one always. */
export interface BuildLimits {
  readonly count: number;
  readonly ageMs: number;
  readonly bytes: number;
}

export const BUILD_LIMITS: BuildLimits = { count: 50, ageMs: 7 * 24 * 3_600_000, bytes: 1 << 29 };
/** A build that is cached whole looks at the count alone, and takes away several at once. */
const SLACK = 16;

/** Records of builds that were, in `builds/<id>/`. */
export interface Builds {
  /** Of a build that goes on. */
  readonly begin: (id: string) => BuildJournal;
  /** Of a build that is over. */
  readonly put: (id: string, entry: JournalEntry) => void;
  /** The newest first; what cannot be read is left out. */
  readonly list: () => readonly BuildSummary[];
  readonly find: (id: string) => BuildRecord | undefined;
  readonly isRunning: (id: string) => boolean;
  /** False when it runs. */
  readonly remove: (id: string) => boolean;
  /** Takes away what is beyond the limits. */
  readonly prune: (now: number, limits?: BuildLimits) => void;
  /** The same, when there are many too many. */
  readonly pruneSome: (now: number) => void;
  /** What each has on the disk, and when it was last written. */
  readonly sizes: () => readonly BuildSize[];
}

export interface BuildSize {
  readonly id: string;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly used: number;
}

export function createBuilds(path: (...parts: string[]) => string): Builds {
  const at = (id: string): string => path('builds', id);
  const ids = (): readonly string[] => namesIn(path('builds'));
  const isRunning = (id: string): boolean => isLocked(join(at(id), 'events'));
  const remove = (id: string): boolean => {
    if (isRunning(id)) return false;
    takeOut({ path }, at(id));
    return true;
  };
  const sizes = (): readonly BuildSize[] =>
    ids().map((id) => ({ id, bytes: diskBytes(at(id)), used: writtenAt(at(id)) }));
  const prune = (now: number, limits = BUILD_LIMITS): void => {
    let kept = 0;
    const builds = sizes().map((build) => ({ ...build, age: since(build.used, now) }));
    for (const [i, { id, bytes, age }] of builds.sort((a, b) => a.age - b.age).entries()) {
      kept += bytes;
      const beyond = i >= limits.count || age > limits.ageMs || kept > limits.bytes;
      if (i > 0 && beyond && remove(id)) kept -= bytes;
    }
  };
  return {
    begin: (id) => beginJournal(at(id)),
    put: (id, entry) => {
      writeJournal(at(id), entry);
    },
    list: () =>
      ids()
        .flatMap((id) => summaryOf(at(id)) ?? [])
        .sort(newestFirst(Date.now())),
    find: (id) => recordOf(at(id)),
    isRunning,
    remove,
    prune,
    pruneSome: (now) => {
      if (ids().length > BUILD_LIMITS.count + SLACK) prune(now);
    },
    sizes,
  };
}

/** For the clock to be a little behind that of who wrote it. */
const AHEAD_MS = 60_000;

/** What began at a time that is yet to come began before the clock was set back, so before what began since then. */
function newestFirst(now: number): (a: BuildSummary, b: BuildSummary) => number {
  const isAhead = ({ facts }: BuildSummary): number => Number(facts.started - now > AHEAD_MS);
  return (a, b) => isAhead(a) - isAhead(b) || b.facts.started - a.facts.started;
}

function isLocked(file: string): boolean {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
  try {
    return !sys().flock(fd, 'shared', false);
  } finally {
    closeSync(fd);
  }
}

function writtenAt(directory: string): number {
  const file = lstatSync(join(directory, 'events'), { throwIfNoEntry: false });
  return (file ?? lstatSync(directory, { throwIfNoEntry: false }))?.mtimeMs ?? 0;
}

function summaryOf(directory: string): BuildSummary | undefined {
  const journal = readJournal(directory);
  return journal === undefined ? undefined : summarize(journal, directory);
}

function summarize(journal: JournalText, directory: string): BuildSummary | undefined {
  const { first, last } = journal;
  if (first?.build === undefined) return undefined;
  const { build: facts } = first;
  const end = last?.end;
  if (end !== undefined)
    return { facts, status: end.status, end, seen: end.time, steps: end.steps };
  const file = join(directory, 'events');
  const steps = new BuildSteps();
  for (const event of eventsOf(journal, () => NOTHING)) steps.add(event);
  return {
    facts,
    status: isLocked(file) ? 'running' : 'killed',
    seen: Math.max(facts.started, writtenAt(directory)),
    steps: countSteps(steps.list()),
  };
}

const NOTHING = new Uint8Array();

function recordOf(directory: string): BuildRecord | undefined {
  const journal = readJournal(directory);
  const summary = journal === undefined ? undefined : summarize(journal, directory);
  if (journal === undefined || summary === undefined) return undefined;
  return {
    ...summary,
    events: () => withLog(journal, join(directory, 'log')),
    materials: () => [...journal.lines()].flatMap(({ materials = [] }) => materials),
  };
}

function* eventsOf(
  journal: JournalText,
  read: (bytes: number) => Uint8Array,
): Generator<BuildEvent> {
  const decoder = new EventDecoder();
  for (const { events = [] } of journal.lines())
    for (const event of events) yield decoder.decode(event, read);
}

/** Each event's bytes are read when it is asked for. */
function* withLog(journal: JournalText, file: string): Generator<BuildEvent> {
  const fd = existsSync(file) ? openSync(file, 'r') : undefined;
  let at = 0;
  try {
    yield* eventsOf(journal, (bytes) => {
      const data = fd === undefined ? NOTHING : readAt(fd, at, bytes);
      at += bytes;
      return data;
    });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
