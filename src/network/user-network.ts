import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { BuildError } from '../model/error.js';
import type {
  Attaching,
  Attachment,
  AttachRequest,
  Network,
  PublishedPort,
} from '../model/network.js';
import { createPipe } from '../sys/pipe.js';
import { bootId } from './attachments.js';
import { macOf } from './assign-address.js';
import { endRelay } from './end-relay.js';
import { listensOnIpv6 } from './listens-on-ipv6.js';
import { publishPorts, type TakenPort } from './publish-ports.js';
import { relayPorts, withRelay } from './relay-ports.js';
import type { Room } from './room.js';
import { forwardPorts } from './slirp-ports.js';
import { namespacePath } from './take-down.js';
import { spawned } from '../sys/spawned.js';
import { SYSTEM_PATH } from '../sys/system-path.js';

const TUN = '/dev/net/tun';

/** Why a user has no network of their own here; undefined when slirp4netns can make one. */
export function whyNoUserNetwork(path: string): BuildError | undefined {
  if (findSlirp(path) === undefined) {
    const what = 'networks of an ordinary user need slirp4netns, not installed here';
    return new BuildError('runtime', what, {
      hint: 'apt-get install slirp4netns, or use --network host',
    });
  }
  try {
    accessSync(TUN, constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return new BuildError('runtime', `networks of an ordinary user need ${TUN}`, {
      hint: `sudo modprobe tun; sudo chmod 0666 ${TUN}, or use --network host`,
    });
  }
}

function findSlirp(path: string): string | undefined {
  return `${SYSTEM_PATH}:${path}`
    .split(delimiter)
    .map((dir) => join(dir, 'slirp4netns'))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** slirp4netns' own: the same for every container, for each is alone in its network. */
const ADDRESS = '10.0.2.100';
const INTERFACE = 'eth0';
const SUBNET = { subnet: '10.0.2.0/24', gateway: '10.0.2.2' };

/**
 * The network of a container of an ordinary user: packets go through a process of the user's, slirp4netns, which ends
 * when nobody holds the descriptor that the monitor gets (nothing is left of it, whatever is killed). Throws BuildError
 * `runtime` where it cannot be, `conflict` on a port that is taken, in docker's words.
 */
export async function attachUser(
  request: AttachRequest,
  network: Network,
  { room, signal }: { readonly room: Room; readonly signal: AbortSignal },
): Promise<Attaching> {
  const why = whyNoUserNetwork(room.path);
  if (why !== undefined) throw why;
  const lock = await room.lock(signal);
  try {
    const fd = await namespaceOfChild();
    const taken = await takePorts(request, room);
    return begin(attachmentOf(request, network, taken), taken, { room, lock, fd });
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

async function takePorts(
  { container, ports }: AttachRequest,
  room: Room,
): Promise<readonly TakenPort[]> {
  ports.forEach(({ protocol, hostPorts }) => {
    checkPort(protocol, hostPorts?.[0] ?? 0);
  });
  const taken: PublishedPort[] = [];
  for (const other of room.attachments.list()) {
    const runs = other.container !== container && room.isRunning(other.container);
    if (runs) taken.push(...other.ports);
    else if (other.relay !== undefined) await endRelay(other.relay);
  }
  return publishPorts(ports, { taken, ip6: false, machine6: listensOnIpv6() });
}

function attachmentOf(
  { container, name, dns, endpoints: [config] }: AttachRequest,
  network: Network,
  taken: readonly TakenPort[],
): Attachment {
  const endpoint = {
    id: container,
    network: { ...network, subnets: [SUBNET], bridge: '' },
    interface: INTERFACE,
    ip: ADDRESS,
    mac: macOf(ADDRESS),
    aliases: config?.aliases ?? [],
  };
  const ports = taken.map(({ port }) => port);
  return { container, name, boot: bootId(), endpoints: [endpoint], ports, dns };
}

/** The words are docker's (rootlesskit). */
function checkPort(protocol: string, port: number): void {
  if (protocol === 'sctp')
    throw new BuildError('usage', 'sctp ports cannot be published by an ordinary user');
  const file = '/proc/sys/net/ipv4/ip_unprivileged_port_start';
  const first = Number(readFileSync(file, 'utf8'));
  if (port === 0 || port >= first) return;
  throw new BuildError('usage', `cannot expose privileged port ${String(port)}`, {
    hint: `choose a port from ${String(first)} on, or: sudo sysctl net.ipv4.ip_unprivileged_port_start=${String(port)}`,
  });
}

interface Held {
  readonly room: Room;
  readonly lock: AsyncDisposable;
}

/**
 * A descriptor of a new network namespace. This process could go there, but not back: the machine's is not of its user
 * namespace.
 */
async function namespaceOfChild(): Promise<number> {
  const child = spawned(
    spawn('unshare', ['--net', '--', 'cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: SYSTEM_PATH },
    }),
  );
  const [input, output] = [child.stdin, child.stdout];
  input.on('error', () => undefined).write('there');
  const there = await new Promise<boolean>((resolve, reject) => {
    child.once('error', reject);
    output.once('data', () => {
      resolve(true);
    });
    output.once('close', () => {
      resolve(false);
    });
  });
  if (!there) throw new BuildError('runtime', 'a network namespace cannot be made here');
  const fd = openSync(`/proc/${String(child.pid)}/ns/net`, 'r');
  input.end();
  return fd;
}

/** From here on the lock is `ready`'s. */
function begin(
  attachment: Attachment,
  taken: readonly TakenPort[],
  { room, lock, fd }: Held & { readonly fd: number },
): Attaching {
  const exit = createPipe();
  const namespace = namespacePath(fd);
  const { held, relay } = relayPorts(taken, attachment.endpoints[0], fd);
  held.forEach(closeSync); // slirp4netns takes them itself.
  const sockets = [exit.writeEnd, ...(relay === undefined ? [] : [relay.input])];
  let open = true;
  const release = (): void => {
    if (open) [fd, ...sockets].forEach(closeSync);
    open = false;
  };
  const whole = withRelay(attachment, relay);
  room.attachments.write(whole);
  const slirp = setUp(whole, { room, lock, namespace, exit: exit.readEnd });
  const ready = Promise.all([slirp, relay?.ready]).then(
    () => undefined,
    (error: unknown) => {
      room.attachments.remove(attachment.container);
      release();
      throw error;
    },
  );
  ready.catch(() => undefined); // Awaited by who starts the container.
  return { attachment: whole, namespace, sockets, ready, release };
}

interface SetUp extends Held {
  readonly namespace: string;
  /** Its end is the end of the process. */
  readonly exit: number;
}

async function setUp(
  attachment: Attachment,
  { room, lock, namespace, exit }: SetUp,
): Promise<void> {
  await using _lock = lock;
  const program = findSlirp(room.path) ?? 'slirp4netns';
  // A socket's path is short; that of a store need not be.
  const directory = openSync(join(room.root, 'networks/attached'), 'r');
  const socket = `/proc/${String(process.pid)}/fd/${String(directory)}/${attachment.container.slice(0, 12)}`;
  try {
    const argv = ['--configure', '--mtu=65520', '--disable-host-loopback', '--enable-seccomp']
      .concat(['--exit-fd=3', '--ready-fd=4', `--api-socket=${socket}`])
      .concat([`--macaddress=${macOf(ADDRESS)}`, '--netns-type=path', namespace, INTERFACE]);
    const child = spawned(
      spawn(program, argv, {
        stdio: ['ignore', 'ignore', 'pipe', exit, 'pipe'],
        cwd: '/',
        env: { PATH: `${SYSTEM_PATH}:${room.path}` },
        detached: true, // A terminal's Ctrl-C is the container's.
      }),
    );
    await configured(child);
    await forwardPorts(socket, attachment.ports);
  } finally {
    closeSync(exit);
    rmSync(socket, { force: true });
    closeSync(directory);
  }
}

/** It writes one byte when the interface is there. */
async function configured(child: ChildProcess): Promise<void> {
  let errors = '';
  child.stderr?.on('data', (data: Buffer) => (errors += data.toString()));
  const ready = child.stdio[4] as Readable; // Asked for as a pipe.
  const came = await new Promise<boolean>((resolve, reject) => {
    ready.once('data', () => {
      resolve(true);
    });
    ready.once('close', () => {
      resolve(false);
    });
    child.once('error', reject);
  });
  if (!came) {
    await new Promise((resolve) => child.once('close', resolve));
    const why = errors.trim().split('\n').at(-1) ?? '';
    throw new BuildError('runtime', `slirp4netns failed: ${why}`, { hint: 'use --network host' });
  }
  ready.destroy();
  child.stderr?.destroy();
  child.unref(); // It ends with the container, not with us.
}
