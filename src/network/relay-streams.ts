import { connect, createServer, type Socket } from 'node:net';
import type { Relayed } from './relay.js';

/** Carries each connection to a listening socket on to the container, either end of it by itself. */
export function relayStreams({ fd, address, port }: Relayed): void {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    const container = connect({ host: address, port, allowHalfOpen: true });
    container.once('connect', () => {
      join(client, container);
    });
    const end = (): void => {
      client.resetAndDestroy();
      container.destroy();
    };
    client.once('error', end);
    container.once('error', end);
  });
  server.listen({ fd });
}

function join(client: Socket, container: Socket): void {
  client.setNoDelay(true);
  container.setNoDelay(true);
  client.pipe(container).pipe(client);
  client.resume();
}
