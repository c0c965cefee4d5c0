import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const RULE = ['NETAVARK-HOSTPORT-DNAT', '-d', '::1/128', '-j', 'RETURN'];

/**
 * netavark's rules send what goes to ::1 to the container, where it never arrives; what they leave alone, the relay
 * carries. One rule in its chain of all containers, which it leaves on the machine itself. Of one that keeps its rules
 * elsewhere there is no such chain.
 */
export async function exemptLoopback(path: string): Promise<void> {
  const env = { PATH: `/usr/sbin:/usr/bin:/sbin:/bin:${path}` };
  const ip6tables = (command: string): Promise<unknown> =>
    promisify(execFile)('ip6tables', ['-w', '-t', 'nat', command, ...RULE], { env, cwd: '/' });
  await ip6tables('-C').catch(() => ip6tables('-I').catch(() => undefined));
}
