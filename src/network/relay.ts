import { spawn } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { BuildError } from '../model/error.js';
import type { RelayProcess } from '../model/network.js';
import { startOf } from '../sys/process-start.js';
import { signalArrivals } from '../sys/signal-arrivals.js';
import { spawned } from '../sys/spawned.js';
import { SYSTEM_PATH } from '../sys/system-path.js';

/** A socket of the machine, and where in the container what arrives there goes. */
export interface Relayed {
  readonly fd: number;
  readonly protocol: 'tcp' | 'udp';
  /** The socket's. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

export interface Relay {
  readonly process: RelayProcess;
  /** From then on nothing that arrives is missed. */
  readonly ready: Promise<void>;
}

/**
 * A shell, a quarter of a megabyte, until the first connection arrives: then it becomes the program that carries them.
 * It ends with its input.
 */
const WAITING = `trap 'exec "$@"' URG; echo; exec >/dev/null; while read -r _; do :; done`;

const FIRST_FD = 3;

export interface RelayPlace {
  /** It ends when nobody holds the other end. */
  readonly input: number;
  /** A descriptor of the network namespace to reach the container from; absent: our own. */
  readonly namespace?: number;
}

/**
 * Carries to a container what its network cannot: by rules no packet gets from IPv6 to IPv4, nor off the loopback ::1.
 * The sockets are the process' from now on.
 */
export function startRelay(relayed: readonly Relayed[], { input, namespace }: RelayPlace): Relay {
  const own = relayed.map((each, nth) => ({ ...each, fd: FIRST_FD + nth }));
  const fds = [...relayed.map(({ fd }) => fd), ...(namespace === undefined ? [] : [namespace])];
  const last = `/proc/self/fd/${String(FIRST_FD + relayed.length)}`;
  const enter = namespace === undefined ? [] : ['nsenter', `--net=${last}`, '--'];
  const program = [process.execPath, ...mainFile(), JSON.stringify(own)];
  const child = spawned(
    spawn('sh', ['-c', WAITING, 'sh', ...enter, ...program], {
      stdio: [input, 'pipe', 'ignore', ...fds],
      cwd: '/',
      env: { PATH: SYSTEM_PATH },
      detached: true, // A terminal's Ctrl-C is the container's.
    }),
  );
  child.once('error', () => undefined); // Then it has no pid.
  child.unref();
  const { pid } = child;
  const start = pid === undefined ? undefined : startOf(pid);
  if (pid === undefined || start === undefined)
    throw new BuildError('runtime', 'sh cannot be started: published ports need it');
  return { process: { pid, start }, ready: listening(child.stdout, pid, relayed) };
}

async function listening(
  output: Readable | null,
  pid: number,
  relayed: readonly Relayed[],
): Promise<void> {
  try {
    await new Promise((resolve) => output?.once('data', resolve).once('close', resolve));
    output?.destroy();
    for (const { fd } of relayed) signalArrivals(fd, pid);
  } finally {
    for (const { fd } of relayed) closeSync(fd);
  }
}

/** Beside this file when it runs unbundled, beside the bundle (`dist/relay.cjs`) else. */
function mainFile(): string[] {
  const here = dirname(fileURLToPath(import.meta.url));
  const bundled = join(here, 'relay.cjs');
  return [existsSync(bundled) ? bundled : join(here, 'relay-main.js')];
}
