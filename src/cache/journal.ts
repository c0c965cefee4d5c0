import { closeSync, fstatSync, openSync, readSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineEvent } from '../model/engine-event.js';
import { hasCode } from '../model/has-code.js';
import { makeDeep } from '../sys/make-deep.js';
import { sys } from '../sys/sys.js';
import { appendAll } from './durable.js';
import { isNamed } from './lock-file.js';

/*
 * What happened, a line each, in two files: `journal` grows to a bound and becomes `journal.1`, in the place of the one
 * before. Who writes holds `lock`, so that a line is whole and is written into the file that has the name. Who reads keeps
 * the file open that it reads, and finds all of it there also when it lost its name meanwhile.
 */

const MOST_BYTES = 1 << 20;

export interface Journal {
  /** Watched for changes. */
  readonly directory: string;
  /** Not on a full, broken or read-only disk: what was done is done, and must not fail for it. */
  readonly append: (events: readonly EngineEvent[]) => void;
  /** From the oldest that is kept. */
  readonly open: () => JournalReader;
}

export interface JournalReader extends Disposable {
  /** What was written since the last call. */
  readonly next: () => readonly EngineEvent[];
}

export function createJournal(directory: string, mostBytes = MOST_BYTES): Journal {
  const current = join(directory, 'journal');
  const previous = join(directory, 'journal.1');
  return {
    directory,
    append: (events) => {
      const text = events.map((event) => `${JSON.stringify(event)}\n`).join('');
      try {
        makeDeep(directory, 0o700);
        using _lock = locked(directory, 'exclusive');
        const fd = openSync(current, 'a', 0o600);
        try {
          appendAll(fd, text);
          if (fstatSync(fd).size > mostBytes) renameSync(current, previous);
        } finally {
          closeSync(fd);
        }
      } catch (error) {
        if (!hasCode(error, 'ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES')) throw error;
      }
    },
    open: () => {
      makeDeep(directory, 0o700);
      using _lock = locked(directory, 'shared');
      return reader([previous, current].map(openLines), current);
    },
  };
}

function locked(directory: string, mode: 'shared' | 'exclusive'): Disposable {
  const fd = openSync(join(directory, 'lock'), 'a', 0o600);
  sys().flock(fd, mode, true);
  return {
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}

interface Lines {
  readonly fd: number;
  at: number;
  /** The beginning of a line whose end is not written yet. */
  rest: string;
}

function openLines(file: string): Lines | undefined {
  try {
    return { fd: openSync(file, 'r'), at: 0, rest: '' };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function reader(files: readonly (Lines | undefined)[], current: string): JournalReader {
  let open = files.filter((lines) => lines !== undefined);
  const last = (): Lines | undefined => open.at(-1);
  return {
    next: () => {
      const found: EngineEvent[] = [];
      for (;;) {
        const named = last() !== undefined && isNamed(last()?.fd ?? -1, current);
        // After it was seen that it has lost its name: nobody writes there any more.
        for (const lines of open) found.push(...readEvents(lines));
        if (named) break;
        const fresh = openLines(current);
        if (fresh === undefined) break;
        for (const { fd } of open) closeSync(fd);
        open = [fresh];
      }
      for (const { fd } of open.splice(0, open.length - 1)) closeSync(fd);
      return found;
    },
    [Symbol.dispose]: () => {
      for (const { fd } of open.splice(0)) closeSync(fd);
    },
  };
}

const CHUNK = 65_536;

function readEvents(lines: Lines): EngineEvent[] {
  const buffer = Buffer.alloc(CHUNK);
  const parts: Buffer[] = [];
  for (;;) {
    const length = readSync(lines.fd, buffer, 0, CHUNK, lines.at);
    if (length === 0) break;
    lines.at += length;
    parts.push(Buffer.from(buffer.subarray(0, length)));
  }
  const all = lines.rest + Buffer.concat(parts).toString();
  const whole = all.split('\n');
  lines.rest = whole.pop() ?? '';
  return whole.flatMap(eventOf);
}

/** A power cut may leave half a line. */
function eventOf(line: string): readonly EngineEvent[] {
  try {
    return [JSON.parse(line) as EngineEvent]; // Written by `append`.
  } catch {
    return [];
  }
}
