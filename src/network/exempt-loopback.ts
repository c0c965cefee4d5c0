import { ensureRule, type Rule } from './ensure-rule.js';

const RULE: Rule = {
  program: 'ip6tables',
  table: 'nat',
  words: ['NETAVARK-HOSTPORT-DNAT', '-d', '::1/128', '-j', 'RETURN'],
};

/**
 * netavark's rules send what goes to ::1 to the container, where it never arrives; what they leave alone, the relay
 * carries. One rule in its chain of all containers, which it leaves on the machine itself. Of one that keeps its rules
 * elsewhere there is no such chain.
 */
export async function exemptLoopback(path: string): Promise<void> {
  await ensureRule(RULE, path).catch(() => undefined);
}
