import { connect, isIPv6 } from 'node:net';
import { BuildError } from '../model/error.js';
import type { PublishedPort } from '../model/network.js';

/** Asks a slirp4netns that runs to take the host's ports. Throws BuildError `conflict` in docker's words. */
export async function forwardPorts(socket: string, ports: readonly PublishedPort[]): Promise<void> {
  for (const port of ports) {
    if (isIPv6(port.hostIp)) continue; // A relay's.
    const answer = await ask(socket, requestOf(port));
    if (!answer.includes('"error"')) continue;
    const address = `${port.hostIp || '0.0.0.0'}:${String(port.hostPort)}`;
    throw new BuildError('conflict', `Bind for ${address} failed: port is already allocated`, {
      hint: 'stave ps lists who publishes ports; ss -ltunp lists the servers of this machine',
    });
  }
}

function requestOf({ protocol, hostIp, hostPort, port }: PublishedPort): string {
  return JSON.stringify({
    execute: 'add_hostfwd',
    arguments: {
      proto: protocol,
      host_addr: hostIp || '0.0.0.0',
      host_port: hostPort,
      guest_port: port,
    },
  });
}

/** One connection a question: the answer comes when the question ends. */
function ask(path: string, question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ path, allowHalfOpen: true });
    socket.on('data', (data: Buffer) => (text += data.toString()));
    socket.once('error', reject).once('end', () => {
      socket.destroy();
      resolve(text);
    });
    socket.end(question);
  });
}
