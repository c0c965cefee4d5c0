import { BuildError } from '../model/error.js';
import { parseIp } from './ip.js';

interface Option {
  readonly accepts: (value: string) => boolean;
  /** Why another value, right to docker, is refused. */
  readonly why?: string;
}

const isTrue = (value: string): boolean => /^(1|t|true)$/i.test(value);

/** What `network create --opt` knows. */
const OPTIONS: Readonly<Record<string, Option>> = {
  'com.docker.network.driver.mtu': { accepts: (value) => /^\d{1,5}$/.test(value) },
  'com.docker.network.bridge.name': {
    accepts: (value) => /^[a-zA-Z0-9][\w.-]{0,14}$/.test(value),
  },
  'com.docker.network.bridge.host_binding_ipv4': {
    accepts: (value) => parseIp(value)?.version === 4,
  },
  'com.docker.network.container_iface_prefix': {
    accepts: (value) => /^[a-zA-Z][\w.-]{0,10}(?<!\d)$/.test(value),
  },
  'com.docker.network.bridge.enable_icc': {
    accepts: isTrue,
    why: 'containers of one network reach each other: make a network for each',
  },
  'com.docker.network.bridge.enable_ip_masquerade': {
    accepts: isTrue,
    why: 'what leaves a network has the address of the machine: --internal keeps it in',
  },
};

/** Those that can be kept; any other would be a promise. Throws BuildError `usage`, `unsupported`. */
export function checkNetworkOptions(options: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(options)) {
    const option = OPTIONS[name];
    if (option === undefined)
      throw new BuildError('unsupported', `--opt ${name} is not supported`, {
        hint: `known are ${Object.keys(OPTIONS).join(', ')}`,
      });
    if (option.accepts(value)) continue;
    const { why } = option;
    if (why !== undefined && /^(0|f|false)$/i.test(value))
      throw new BuildError('unsupported', `--opt ${name}=${value} is not supported: ${why}`);
    throw new BuildError('usage', `invalid value ${JSON.stringify(value)} of --opt ${name}`);
  }
}
