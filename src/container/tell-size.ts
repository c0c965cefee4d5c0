import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../model/has-code.js';
import type { TerminalSize } from '../model/process.js';
import { unreadBytes } from '../sys/unread-bytes.js';

/** Tells a container's monitor the size its terminal is to have. Disposing waits until it has heard the last. */
export interface SizeTeller extends AsyncDisposable {
  readonly tell: (size: TerminalSize) => void;
}

const AGAIN_MS = 5;
/** A monitor that somebody stopped is not waited for. */
const MOST_TRIES = 200;

/**
 * By conmon's control FIFO: `1 rows columns`. Of two lines that it reads at once conmon 2.1 takes the first twice, so one
 * is written only when the one before was read, and then the last that was told.
 */
export function sizeTeller(bundle: string): SizeTeller {
  let next: TerminalSize | undefined;
  let telling = Promise.resolve();
  const tellNext = async (): Promise<void> => {
    for (let tries = 0; next !== undefined && tries < MOST_TRIES; tries++) {
      if (writeWhenRead(join(bundle, 'ctl'), next)) next = undefined;
      else await delay(AGAIN_MS);
    }
    next = undefined;
  };
  return {
    tell: (size) => {
      if (next === undefined) telling = telling.then(tellNext);
      next = size;
    },
    [Symbol.asyncDispose]: () => telling,
  };
}

/** False when what was written before is still there. */
function writeWhenRead(path: string, { rows, columns }: TerminalSize): boolean {
  try {
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      if (unreadBytes(fd) > 0) return false;
      writeSync(fd, `1 ${String(rows)} ${String(columns)}\n`);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!hasCode(error, 'ENXIO', 'ENOENT')) throw error; // The monitor is gone: so is the terminal.
  }
  return true;
}
