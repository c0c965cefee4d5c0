import type { Relayed } from './relay.js';
import { relayDatagrams } from './relay-datagrams.js';
import { relayStreams } from './relay-streams.js';

/** Entry of the process that carries a container's connections; it ends when its input does. */
for (const relayed of JSON.parse(process.argv[2] ?? '[]') as readonly Relayed[]) {
  if (relayed.protocol === 'tcp') relayStreams(relayed);
  else relayDatagrams(relayed);
}
process.stdin.resume().once('close', () => process.exit(0));
