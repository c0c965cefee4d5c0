import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that passes everything on to another, and counts the bytes that clients send and get in bodies. */
export interface CountingProxy extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly sent: () => number;
  readonly received: () => number;
  readonly reset: () => void;
}

export async function countingProxy(target: string): Promise<CountingProxy> {
  let [sent, received] = [0, 0];
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    // The registry builds its upload URLs from the host it is asked by.
    const passed = send(`http://${target}${url ?? '/'}`, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.on('data', (part: Buffer) => (received += part.length));
      answer.pipe(outgoing);
    });
    incoming.on('data', (part: Buffer) => (sent += part.length));
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    sent: () => sent,
    received: () => received,
    reset: () => ([sent, received] = [0, 0]),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
