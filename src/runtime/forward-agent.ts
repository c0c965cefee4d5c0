import { once } from 'node:events';
import { chmodSync, chownSync, closeSync, openSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { FileOwner } from '../model/graph.js';

/** Messages of the agent protocol (RFC draft-miller-ssh-agent) that a step may send: list keys, sign. */
const ALLOWED = new Set([11, 13]);
const FAILURE = Buffer.from([0, 0, 0, 1, 5]);
/** OpenSSH's own limit of one message. */
const MAX_MESSAGE = 256 << 10;

export interface ForwardOptions {
  /** Socket of the agent that has the keys. */
  readonly agent: string;
  /** Where the step's own socket goes. */
  readonly directory: string;
  readonly name: string;
  readonly owner: FileOwner;
}

/**
 * A socket that lets who can open it list and use the keys of an agent, but not add, remove or lock them. Until disposed;
 * then open connections end too.
 */
export async function forwardAgent(options: ForwardOptions): Promise<AsyncDisposable> {
  const { agent, directory, name, owner } = options;
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.once('close', () => clients.delete(client));
    void serve(client, agent);
  });
  const file = join(directory, name);
  await listen(server, directory, name);
  chownSync(file, owner.uid, owner.gid);
  chmodSync(file, owner.mode & 0o777);
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const client of clients) client.destroy();
      await closed;
    },
  };
}

/** The kernel takes 108 bytes for the path of a socket; by descriptor the directory's own length does not count. */
async function listen(server: Server, directory: string, name: string): Promise<void> {
  const fd = openSync(directory, 'r');
  try {
    server.listen({ path: `/proc/self/fd/${String(fd)}/${name}`, exclusive: true });
    await once(server, 'listening');
  } finally {
    closeSync(fd);
  }
}

/** One request, one answer, in order. */
async function serve(client: Socket, agent: string): Promise<void> {
  const upstream = connect(agent);
  try {
    const answers = messages(upstream);
    for await (const request of messages(client)) {
      if (!ALLOWED.has(request[4] ?? 0)) {
        client.write(FAILURE);
        continue;
      }
      upstream.write(request);
      const answer = await answers.next();
      if (answer.done === true) break;
      client.write(answer.value);
    }
  } catch {
    // Either end may go at any time: the other learns it by the end of its own connection.
  } finally {
    client.destroy();
    upstream.destroy();
  }
}

/** Whole messages with their length words. */
async function* messages(socket: Socket): AsyncGenerator<Buffer, undefined> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    held = Buffer.concat([held, chunk as Buffer]);
    while (held.length >= 4) {
      const length = held.readUInt32BE(0);
      if (length === 0 || length > MAX_MESSAGE) return;
      if (held.length < 4 + length) break;
      yield held.subarray(0, 4 + length);
      held = held.subarray(4 + length);
    }
  }
  return undefined;
}
