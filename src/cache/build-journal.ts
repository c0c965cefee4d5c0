import { closeSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildEnd, BuildFacts, Material } from '../model/build-record.js';
import { digestOf, hexOf } from '../model/digest.js';
import type { StoredEvent } from '../model/stored-event.js';
import { hasCode } from '../model/has-code.js';
import { makeDeep } from '../sys/make-deep.js';
import { readAtLeast } from '../sys/read-at-least.js';
import { sys } from '../sys/sys.js';
import { openNew, writeAll } from './durable.js';

/*
 * A build's record is a directory: `events`, lines that are only added, and `log`, the bytes its steps wrote. A line is the
 * digest of its JSON and the JSON: some events, and how many bytes they added to the log, which were written before it. The
 * first says what the build is, the last how it ended. So a build that was killed leaves all that was written, what is torn
 * is seen, and one that is over at once is one write. Who writes holds a lock on `events`: without an end and without a
 * holder it was killed.
 */

export interface JournalEntry {
  readonly build?: BuildFacts;
  readonly events?: readonly StoredEvent[];
  /** As they become known. */
  readonly materials?: readonly Material[];
  readonly end?: BuildEnd;
}

/** What a line says besides: which bytes of the log are its events'. */
export interface JournalLine extends JournalEntry {
  readonly log?: { readonly bytes: number; readonly digest: string };
}

export interface BuildJournal {
  readonly add: (entry: JournalEntry, log: Buffer) => void;
  /** Gives up the lock. */
  readonly close: () => void;
}

/** A record that begins, of a build that goes on. */
export function beginJournal(directory: string): BuildJournal {
  makeDeep(directory, 0o700);
  const events = openNew(join(directory, 'events'));
  sys().flock(events, 'exclusive', false);
  let log: number | undefined;
  return {
    add: (entry, bytes) => {
      if (bytes.length > 0) writeAll((log ??= openNew(join(directory, 'log'))), bytes);
      writeAll(events, Buffer.from(lineOf(entry, bytes)));
    },
    close: () => {
      if (log !== undefined) closeSync(log);
      closeSync(events);
    },
  };
}

/** A record that is whole, of a build that is over. */
export function writeJournal(directory: string, entry: JournalEntry): void {
  makeDeep(directory, 0o700);
  writeFileSync(join(directory, 'events'), lineOf(entry, NOTHING), { flag: 'wx', mode: 0o600 });
}

const NOTHING = Buffer.alloc(0);

function lineOf(entry: JournalEntry, bytes: Buffer): string {
  const log = { bytes: bytes.length, digest: bytes.length === 0 ? '' : hexOf(digestOf(bytes)) };
  const line: JournalLine = bytes.length === 0 ? entry : { ...entry, log };
  const body = JSON.stringify(line);
  return `${hexOf(digestOf(body))} ${body}\n`;
}

/** What a kill or a power cut left of a last line is left out. */
export interface JournalText {
  /** As far as each is what was written. */
  readonly lines: () => Iterable<JournalLine>;
  /** How many there should be: those with an end, and one that has all but its end, or another byte there. */
  readonly count: number;
  readonly first: JournalLine | undefined;
  readonly last: JournalLine | undefined;
}

/** Undefined when there is none. */
export function readJournal(directory: string): JournalText | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(directory, 'events'));
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
  const end = bytes.lastIndexOf(NEWLINE) + 1;
  const rest = bytes.subarray(end);
  const whole = bytes.subarray(0, end);
  const beforeLast = end === 0 ? 0 : whole.lastIndexOf(NEWLINE, end - 2) + 1;
  return {
    lines: () => linesOf(whole),
    count: countLines(whole) + (lacksOnlyItsEnd(rest) ? 1 : 0),
    first: lineAt(whole, 0),
    last: lineAt(whole, beforeLast),
  };
}

const NEWLINE = 10;
const HEX = 64;

function lacksOnlyItsEnd(rest: Buffer): boolean {
  const isLine = (bytes: Buffer): boolean =>
    lineAt(Buffer.concat([bytes, Buffer.from('\n')]), 0) !== undefined;
  return isLine(rest) || isLine(rest.subarray(0, -1));
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

function* linesOf(bytes: Buffer): Generator<JournalLine> {
  for (let at = 0; at < bytes.length; at = bytes.indexOf(NEWLINE, at) + 1) {
    const line = lineAt(bytes, at);
    if (line === undefined) return;
    yield line;
  }
}

/** Undefined when it is not what was written. */
function lineAt(bytes: Buffer, at: number): JournalLine | undefined {
  const end = bytes.indexOf(NEWLINE, at);
  if (end < at + HEX) return undefined;
  const body = bytes.subarray(at + HEX + 1, end);
  if (bytes.toString('latin1', at, at + HEX) !== hexOf(digestOf(body))) return undefined;
  return JSON.parse(body.toString()) as JournalLine;
}

/** Reads all of a count of bytes, or as many as there are. */
export function readAt(fd: number, at: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  return buffer.subarray(0, readAtLeast(fd, buffer, bytes, at));
}
