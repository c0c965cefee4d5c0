import { join } from 'node:path';
import { detachFilter } from '../model/detach-keys.js';
import { rawTerminal } from '../sys/raw-terminal.js';
import { connectPackets, type PacketSocket } from '../sys/seqpacket.js';
import { type SizeTeller, sizeTeller } from './tell-size.js';

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
  const raw = terminal && stdin?.isTTY === true;
  await using size = sizeTeller(bundle);
  const resize = (): void => {
    size.tell(streams.stdout);
  };
  using rawMode = raw ? rawTerminal(STDIN) : undefined;
  const restore = (): void => rawMode?.[Symbol.dispose]();
  using redraw = raw && options.redraw === true ? redrawing(size, streams.stdout) : undefined;
  if (raw) {
    if (redraw === undefined) resize();
    streams.stdout.on('resize', resize);
    process.on('exit', restore); // Also when a signal ends us.
  }
  try {
    const detached = stdin === undefined ? undefined : forwardInput(socket, stdin, options);
    const closed = showOutput(socket, streams, () => redraw?.shown());
    return await (detached === undefined ? closed : Promise.race([closed, detached]));
  } finally {
    if (raw) {
      streams.stdout.off('resize', resize);
      process.off('exit', restore);
    }
    stdin?.pause();
    stdin?.removeAllListeners('data');
  }
}

const REDRAW_MS = 500;

interface Redrawing extends Disposable {
  /** Something was shown. */
  readonly shown: () => void;
}

/**
 * A larger size, and the right one when the program has answered to that: of two sizes at once it would see the last,
 * which is what it had. One that does not answer, or answered before the monitor listened to us, gets it all the same.
 */
function redrawing(size: SizeTeller, stdout: NodeJS.WriteStream): Redrawing {
  let larger = true;
  const shown = (): void => {
    clearTimeout(timer);
    if (larger) size.tell(stdout);
    larger = false;
  };
  const timer = setTimeout(shown, REDRAW_MS);
  size.tell({ rows: stdout.rows + 1, columns: stdout.columns + 1 });
  return { shown, [Symbol.dispose]: shown };
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

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('drain', resolve);
    stream.once('close', resolve);
  });
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
