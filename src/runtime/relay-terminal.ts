import { readSync, writeSync } from 'node:fs';
import { type DetachFilter, detachFilter } from '../model/detach-keys.js';
import { hasCode } from '../model/has-code.js';
import { setBlocking } from '../sys/blocking.js';
import type { ForeignChild } from '../sys/foreign-child.js';
import { rawTerminal } from '../sys/raw-terminal.js';
import { type Readiness, readiness } from '../sys/readiness.js';
import { followSize } from './follow-size.js';
import { drained } from '../sys/drained.js';

/** The process of a terminal, and the terminal's master. */
export interface TerminalProcess {
  readonly master: number;
  readonly child: ForeignChild;
}

export interface RelayStreams {
  /** Absent: the process' input stays empty, and our own terminal as it is. */
  readonly stdin?: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  /** Bytes of the input that end it, and are not the process'. */
  readonly detachKeys: readonly number[];
}

/**
 * Shows a terminal on ours until its process has ended and all that it wrote is shown: its exit code; undefined when
 * aborted before.
 */
export async function relayTerminal(
  { master, child }: TerminalProcess,
  streams: RelayStreams,
  signal: AbortSignal,
): Promise<number | 'detached' | undefined> {
  setBlocking(master, false);
  using ready = readiness();
  const stop = (): void => {
    ready[Symbol.dispose]();
  };
  signal.addEventListener('abort', stop, { once: true });
  process.once('exit', stop);
  using _raw = streams.stdin?.isTTY === true ? rawUntilExit() : undefined;
  using _size = followSize(master, streams.stdout);
  const { stdin, detachKeys } = streams;
  const filter = detachFilter(detachKeys);
  const input = stdin === undefined ? undefined : forward(stdin, master, { ready, filter });
  try {
    if (signal.aborted) return undefined;
    const shown = show({ master, child }, streams.stdout, ready);
    return await (input === undefined ? shown : Promise.race([shown, input.detached]));
  } finally {
    input?.[Symbol.dispose]();
    signal.removeEventListener('abort', stop);
    process.off('exit', stop);
  }
}

const STDIN = 0;

/** Our terminal is put back also when a signal ends us. */
function rawUntilExit(): Disposable {
  const raw = rawTerminal(STDIN);
  const restore = (): void => {
    raw[Symbol.dispose]();
  };
  process.once('exit', restore);
  return {
    [Symbol.dispose]: () => {
      process.off('exit', restore);
      restore();
    },
  };
}

async function show(
  { master, child }: TerminalProcess,
  stdout: NodeJS.WriteStream,
  ready: Readiness,
): Promise<number | undefined> {
  let code: number | undefined;
  for (let open = true; ;) {
    // Asked before reading: of one that has ended all is there to be read.
    code ??= child.exitCode();
    const read = open ? await showNext(master, stdout) : 'closed';
    if (read === 'closed') open = false;
    if (code !== undefined && read !== 'something') return code;
    // Also after something: who writes without end must not keep us from our input.
    if (!(await ready.readable(child.fd, ...(open ? [master] : [])))) return undefined;
  }
}

const buffer = Buffer.alloc(65_536);

/** `closed`: nobody has the terminal any more. */
async function showNext(
  master: number,
  stdout: NodeJS.WriteStream,
): Promise<'something' | 'nothing' | 'closed'> {
  try {
    const length = readSync(master, buffer);
    if (!stdout.write(Buffer.from(buffer.subarray(0, length)))) await drained(stdout);
    return 'something';
  } catch (error) {
    if (hasCode(error, 'EAGAIN')) return 'nothing';
    if (hasCode(error, 'EIO')) return 'closed';
    throw error;
  }
}

interface Forwarding extends Disposable {
  /** Settles when the keys were pressed, else never but by a failure. */
  readonly detached: Promise<'detached'>;
}

interface ForwardOptions {
  readonly ready: Readiness;
  readonly filter: DetachFilter;
}

function forward(
  stdin: NodeJS.ReadStream,
  master: number,
  { ready, filter }: ForwardOptions,
): Forwarding {
  const { promise, resolve, reject } = settledLater<'detached'>();
  let sending = Promise.resolve();
  const send = (input: Buffer): void => {
    // What the process does not take yet waits in our terminal.
    stdin.pause();
    const { data, detached } = filter.push(input);
    sending = sending.then(async () => {
      const more = await writeAll(master, data, ready);
      if (detached) resolve('detached');
      else if (more) stdin.resume();
    });
    sending.catch(reject);
  };
  stdin.on('data', send);
  stdin.resume();
  return {
    detached: promise,
    [Symbol.dispose]: () => {
      stdin.off('data', send);
      stdin.pause();
    },
  };
}

function settledLater<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
} {
  let [resolve, reject]: [(value: T) => void, (error: unknown) => void] = [
    () => undefined,
    () => undefined,
  ];
  const promise = new Promise<T>((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
}

/** False when nobody is there who would read. */
async function writeAll(master: number, data: Uint8Array, ready: Readiness): Promise<boolean> {
  for (let at = 0; at < data.length;) {
    try {
      at += writeSync(master, data, at);
    } catch (error) {
      if (hasCode(error, 'EIO')) return false;
      if (!hasCode(error, 'EAGAIN')) throw error;
      if (!(await ready.writable(master))) return false;
    }
  }
  return true;
}
