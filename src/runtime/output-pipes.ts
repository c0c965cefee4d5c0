import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { OnOutput } from '../model/process.js';
import { createPipe, type Pipe } from '../sys/pipe.js';

/** A child's stdout and stderr, as pipes: it may open them by name, which Node's own sockets do not allow. */
export interface OutputPipes {
  /** The child's ends. */
  readonly stdout: number;
  readonly stderr: number;
  /** The child has its ends: ours of them go. */
  readonly started: () => void;
  /** Reads until nobody can write any more; what was written before is not lost. */
  readonly follow: (onOutput: OnOutput) => Promise<void>;
  readonly close: () => void;
}

export function outputPipes(): OutputPipes {
  const out = createPipe();
  const err = pipeBeside(out);
  const streams = {
    stdout: new Socket({ fd: out.readEnd, readable: true, writable: false }),
    stderr: new Socket({ fd: err.readEnd, readable: true, writable: false }),
  };
  return {
    stdout: out.writeEnd,
    stderr: err.writeEnd,
    started: () => {
      closeSync(out.writeEnd);
      closeSync(err.writeEnd);
    },
    follow: async (onOutput) => {
      const read = (name: 'stdout' | 'stderr'): Promise<void> =>
        new Promise((resolve, reject) => {
          const stream = streams[name];
          stream.once('error', reject).once('close', () => {
            resolve();
          });
          if (stream.destroyed) resolve();
          stream.on('data', (data: Uint8Array) => {
            onOutput(name, data);
          });
        });
      await Promise.all([read('stdout'), read('stderr')]);
    },
    close: () => {
      streams.stdout.destroy();
      streams.stderr.destroy();
    },
  };
}

/** Where no descriptor is left for a second one the first goes, too. */
function pipeBeside(other: Pipe): Pipe {
  try {
    return createPipe();
  } catch (error) {
    closeSync(other.readEnd);
    closeSync(other.writeEnd);
    throw error;
  }
}
