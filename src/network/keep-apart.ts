import { existsSync, readdirSync } from 'node:fs';
import { ensureRule } from './ensure-rule.js';

/** Other words than netavark's own rule of the same effect. */
const JUMP = ['FORWARD', '-m', 'comment', '--comment', 'stave', '-j', 'NETAVARK_ISOLATION_1'];
const INTERFACES = '/sys/class/net';

/**
 * netavark 1.4 takes the one rule that keeps networks from reaching each other away with whichever network goes first.
 * So where there is more than one bridge a rule of ours says the same, which stays, as netavark's chains do. The chain it
 * leads to is not there if no network is of its kind (IPv4, IPv6) or netavark makes other rules; then there is nothing
 * to do.
 */
export async function keepApart(path: string): Promise<void> {
  const isBridge = (name: string): boolean => existsSync(`${INTERFACES}/${name}/bridge`);
  if (readdirSync(INTERFACES).filter(isBridge).length < 2) return;
  for (const program of ['iptables', 'ip6tables'] as const)
    await ensureRule({ program, table: 'filter', words: JUMP }, path).catch(unlessNoChain);
}

function unlessNoChain(error: unknown): void {
  if (!(error instanceof Error) || !/No chain|does not exist|ENOENT/.test(error.message))
    throw error;
}
