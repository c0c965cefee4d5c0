import { join } from 'node:path';
import { detachFilter } from '../model/detach-keys.js';
import type { TerminalSize } from '../model/process.js';
import { rawTerminal } from '../sys/raw-terminal.js';
import { connectPackets, type PacketSocket } from '../sys/seqpacket.js';
import { sizeTeller } from './tell-size.js';
import { drained } from '../sys/drained.js';

export interface AttachStreams {
  readonly stdin?: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** What the container writes there is not shown. */
  readonly hidden?: readonly ('stdout' | 'stderr')[];
}

export interface AttachOptions {
  readonly streams: AttachStreams;
  /** The container has a terminal: ours becomes raw and tells its size. */
  readonly terminal: boolean;
  /** It has shown its prompt before: a changed size and back makes it show it again, as docker does. */
  readonly redraw?: boolean;
  /** Bytes that end the attachment and leave the container alone. */
  readonly detachKeys: readonly number[];
  /** Its terminal is to have this size. */
  readonly onResize?: (size: TerminalSize) => void;
}

/** How an attachment ended. */
export type AttachEnd = 'closed' | 'detached';

const [STDOUT, STDERR] = [2, 3];
const STDIN = 0;

export interface Attachment extends Disposable {
  /** Carries bytes both ways until the container's output ends or the detach keys are pressed. */
  readonly pump: () => Promise<AttachEnd>;
}

/**
 * Connects to a container's monitor (conmon's attach socket: packets of output begin with the stream's number, input is
 * sent as it is). Output from now on is carried, so connect before the container starts.
 */
export function attach(bundle: string, options: AttachOptions): Attachment {
  const socket = connectPackets(join(bundle, 'attach'));
  // A receive that waits on its thread would keep the process from exiting, also when a signal ends it.
  const close = (): void => {
    socket[Symbol.dispose]();
  };
  process.once('exit', close);
  return {
    // The socket goes with it: a receive that waits would keep the process.
    pump: async () => {
      using _open = socket;
      return await pump(socket, bundle, options);
    },
    [Symbol.dispose]: close,
  };
}

async function pump(
  socket: PacketSocket,
  bundle: string,
  options: AttachOptions,
): Promise<AttachEnd> {
  const { streams, terminal } = options;
  const { stdin } = streams;
  using _raw = terminal && stdin?.isTTY === true ? rawUntilExit() : undefined;
  await using sized = terminal && streams.stdout.isTTY ? followSize(bundle, options) : undefined;
  try {
    const detached = stdin === undefined ? undefined : forwardInput(socket, stdin, options);
    const closed = showOutput(socket, streams, () => sized?.shown());
    return await (detached === undefined ? closed : Promise.race([closed, detached]));
  } finally {
    stdin?.pause();
    stdin?.removeAllListeners('data');
  }
}

/** Our terminal is put back also when a signal ends us. */
function rawUntilExit(): Disposable {
  const raw = rawTerminal(STDIN);
  const restore = (): void => {
    raw[Symbol.dispose]();
  };
  process.on('exit', restore);
  return {
    [Symbol.dispose]: () => {
      process.off('exit', restore);
      restore();
    },
  };
}

interface FollowedSize extends AsyncDisposable {
  /** The container has shown something. */
  readonly shown: () => void;
}

const REDRAW_MS = 500;

/**
 * The container's terminal has the size of ours. To be drawn anew it gets a larger one first, and the right one when the
 * program has answered to that: of two sizes at once it would see the last, which is what it had. One that does not
 * answer, or answered before the monitor listened to us, gets it all the same.
 */
function followSize(
  bundle: string,
  { streams, redraw = false, onResize }: AttachOptions,
): FollowedSize {
  const { stdout } = streams;
  const teller = sizeTeller(bundle);
  const resize = (more = 0): void => {
    const size = { rows: stdout.rows + more, columns: stdout.columns + more };
    teller.tell(size);
    onResize?.(size);
  };
  const follow = (): void => {
    resize();
  };
  let larger = redraw;
  const shown = (): void => {
    clearTimeout(timer);
    if (larger) resize();
    larger = false;
  };
  const timer = redraw ? setTimeout(shown, REDRAW_MS) : undefined;
  resize(redraw ? 1 : 0);
  stdout.on('resize', follow);
  return {
    shown,
    [Symbol.asyncDispose]: async () => {
      stdout.off('resize', follow);
      shown();
      await teller[Symbol.asyncDispose]();
    },
  };
}

async function showOutput(
  socket: PacketSocket,
  streams: AttachStreams,
  shown: () => void,
): Promise<AttachEnd> {
  for (;;) {
    const packet = await socket.receive();
    if (packet === undefined) return 'closed';
    shown();
    const stream = packet[0] === STDERR ? streams.stderr : streams.stdout;
    if (packet[0] !== STDOUT && packet[0] !== STDERR) continue;
    if (streams.hidden?.includes(packet[0] === STDERR ? 'stderr' : 'stdout') === true) continue;
    if (!stream.write(packet.subarray(1))) await drained(stream);
  }
}

/** Settles only when the detach keys were pressed. */
function forwardInput(
  socket: PacketSocket,
  stdin: NodeJS.ReadStream,
  { terminal, detachKeys }: AttachOptions,
): Promise<AttachEnd> {
  const filter = detachFilter(terminal ? detachKeys : []);
  return new Promise((resolve, reject) => {
    let sending = Promise.resolve();
    stdin.on('data', (chunk: Buffer) => {
      const { data, detached } = filter.push(chunk);
      sending = sending.then(() => sendAll(socket, data));
      sending.catch(reject);
      if (detached) resolve('detached');
    });
    stdin.once('end', () => {
      void sending.then(() => {
        socket.endSending();
      });
    });
    stdin.resume();
  });
}

/** conmon reads packets into 8 KiB; a longer one would be cut. */
const MOST = 8192;

async function sendAll(socket: PacketSocket, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length; at += MOST) {
    if (!(await socket.send(data.subarray(at, at + MOST)))) return;
  }
}
