import { BuildError } from '../../model/error.js';
import type { FlagFamily } from './flag-family.js';

/** Where a container's packets go. */
export const NETWORK: FlagFamily = {
  flags: [
    {
      name: 'network',
      kind: 'text',
      value: 'MODE',
      help: 'host (the default, until there is a bridge) or none',
    },
  ],
  read: (flags) => {
    const network = networkOf(flags.text('network'));
    return { network, host: { NetworkMode: network } };
  },
};

function networkOf(value: string | undefined): 'host' | 'none' {
  if (value === undefined || value === 'host' || value === 'default') return 'host';
  if (value === 'none') return 'none';
  throw new BuildError('unsupported', `--network ${value} is not supported yet`, {
    hint: 'use host or none',
  });
}
