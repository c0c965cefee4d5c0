import { closeSync, existsSync, lstatSync, openSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { since } from '../model/since.js';
import type { Checked, StoreProblem } from '../model/store-problem.js';
import { type JournalLine, readAt, readJournal } from './build-journal.js';
import { namesIn } from './names-in.js';
import type { Store } from './store.js';
import { takeOut } from './take-out.js';

const REMEDY = 'none is needed: the build is no longer in the history';
/** Between making the directory and the first line. */
const MAKING_MS = 60_000;

/** Records of builds: each line has its digest, in a full check also what was written to the log. */
export function checkBuilds(store: Store, full: boolean): Checked {
  const ids = namesIn(store.path('builds'));
  const problems = ids.flatMap((id): StoreProblem[] => {
    const directory = store.path('builds', id);
    const problem = store.builds.isRunning(id) ? undefined : wrong(directory, full);
    if (problem === undefined) return [];
    const fix = (): void => {
      takeOut(store, directory);
    };
    return [{ what: `history of build ${id}`, problem, remedy: REMEDY, fix }];
  });
  return { kind: 'builds', count: ids.length, problems };
}

function wrong(directory: string, full: boolean): string | undefined {
  const events = join(directory, 'events');
  if (!existsSync(events)) {
    const made = lstatSync(directory, { throwIfNoEntry: false })?.mtimeMs;
    return made === undefined || since(made, Date.now()) < MAKING_MS
      ? undefined
      : 'it has no events';
  }
  const journal = readJournal(directory);
  const lines = [...(journal?.lines() ?? [])];
  if (journal?.count === 0) return undefined; // Killed before its first line was whole: a build of no history.
  if (journal?.count !== lines.length || lines[0]?.build === undefined)
    return 'its bytes are not those that were written';
  return full && !isWholeLog(join(directory, 'log'), lines)
    ? 'its log is not what the steps wrote'
    : undefined;
}

function isWholeLog(file: string, lines: readonly JournalLine[]): boolean {
  const written = lines.flatMap(({ log }) => log ?? []);
  if (written.length === 0) return true;
  if (!existsSync(file)) return false;
  const fd = openSync(file, 'r');
  try {
    let at = 0;
    return written.every(({ bytes, digest }) => {
      const found = createHash('sha256')
        .update(readAt(fd, at, bytes))
        .digest('hex');
      at += bytes;
      return found === digest;
    });
  } finally {
    closeSync(fd);
  }
}
