import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Relayed } from './relay.js';

/** Linux forgets a stream of datagrams after as long. */
const IDLE_MS = 180_000;

interface Client {
  readonly socket: Socket;
  readonly idle: NodeJS.Timeout;
}

/** Carries datagrams on to the container, each client's from a socket of its own, and answers back. */
export function relayDatagrams({ fd, host, address, port }: Relayed): void {
  const server = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  const clients = new Map<string, Client>();
  const clientAt = (from: RemoteInfo): Client => {
    const name = `${from.address} ${String(from.port)}`;
    const known = clients.get(name);
    if (known !== undefined) return known;
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const forget = (): void => {
      if (clients.delete(name)) socket.close();
    };
    socket.on('error', () => undefined); // Nobody listens there: datagrams are lost, as anywhere.
    socket.on('message', (data) => {
      server.send(data, from.port, from.address);
    });
    const client = { socket, idle: setTimeout(forget, IDLE_MS) };
    clients.set(name, client);
    return client;
  };
  server.on('error', () => undefined);
  server.on('message', (data, from) => {
    const { socket, idle } = clientAt(from);
    idle.refresh();
    socket.send(data, port, address);
  });
  server.bind({ fd });
}
