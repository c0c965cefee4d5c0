import { closeSync, fstatSync, openSync, readSync, watch } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { type LogFilter, type LogLine, parseLog, selectLines } from '../model/log-lines.js';

export interface FollowOptions extends LogFilter {
  /** Go on until the container ends. */
  readonly follow: boolean;
  readonly isRunning: () => boolean;
  readonly signal: AbortSignal;
}

const CHUNK = 1 << 16;
/** The end of a container is no event of its log. */
const POLL_MS = 100;

/** What a container wrote, from its log file; then, if asked, what it writes. */
export async function* followLog(
  file: string,
  options: FollowOptions,
): AsyncGenerator<readonly LogLine[]> {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return; // It never ran.
    throw error;
  }
  try {
    const read = reader(fd);
    yield selectLines(read(), options);
    const { until } = options;
    while (options.follow && !options.signal.aborted) {
      const alive = options.isRunning();
      const lines = read();
      if (lines.length > 0) yield selectLines(lines, until === undefined ? {} : { until });
      if (!alive) return;
      if (lines.length === 0) await changed(file, options.signal);
    }
  } finally {
    closeSync(fd);
  }
}

/** Gives the whole lines that came since it was last called. */
function reader(fd: number): () => readonly LogLine[] {
  let position = 0;
  let left: Buffer = Buffer.alloc(0);
  return () => {
    const parts = [left];
    for (let size = fstatSync(fd).size; position < size;) {
      const buffer = Buffer.alloc(Math.min(CHUNK, size - position));
      const length = readSync(fd, buffer, 0, buffer.length, position);
      if (length === 0) break;
      parts.push(buffer.subarray(0, length));
      position += length;
    }
    const bytes = Buffer.concat(parts);
    const { lines, rest } = parseLog(bytes);
    left = bytes.subarray(rest);
    return lines;
  };
}

function changed(file: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(file);
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      watcher.close();
      resolve();
    };
    const timer = setTimeout(done, POLL_MS);
    watcher.once('change', done);
    watcher.once('error', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
