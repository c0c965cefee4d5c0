import { isIPv4, isIPv6 } from 'node:net';
import { connectNetwork, disconnectNetwork } from '../../networks.js';
import { BuildError } from '../../model/error.js';
import { openWorkshop } from '../../workshop.js';
import type { Command, CommandContext } from '../command.js';
import { GW_PRIORITY, gatewayPriority } from '../run-flags/network.js';
import { REFUSED_FLAGS } from '../run-flags/refused.js';
import { exactly } from './images.js';

export const networkConnectCommand: Command = {
  names: ['network connect'],
  usage: '[OPTIONS] NETWORK CONTAINER',
  summary: 'Connect a container to a network',
  flags: [
    { name: 'alias', kind: 'list', value: 'NAME', help: 'Another name in the network' },
    { name: 'ip', kind: 'text', value: 'ADDRESS', help: 'Its IPv4 address there' },
    { name: 'ip6', kind: 'text', value: 'ADDRESS', help: 'Its IPv6 address there' },
    { name: 'gw-priority', kind: 'text', value: 'N', help: GW_PRIORITY },
    { name: 'driver-opt', kind: 'list', help: '', refused: 'a bridge has no options of one end' },
    ...REFUSED_FLAGS.filter(({ name }) => name.startsWith('link')),
  ],
  run: async (context) => {
    const [network = '', container = ''] = exactly(
      context,
      2,
      'stave network connect [OPTIONS] NETWORK CONTAINER',
    );
    const aliases = context.flags.list('alias').flatMap((value) => value.split(','));
    const addresses = { ...address(context, 'ip', isIPv4), ...address(context, 'ip6', isIPv6) };
    const priority = gatewayPriority(context.flags.text('gw-priority'));
    await using workshop = openWorkshop(undefined, context.env);
    await connectNetwork({ network, aliases, ...addresses, ...priority }, container, workshop);
    return 0;
  },
};

function address(
  { flags }: CommandContext,
  name: 'ip' | 'ip6',
  isRight: (text: string) => boolean,
): { readonly ip?: string; readonly ip6?: string } {
  const text = flags.text(name);
  if (text === undefined) return {};
  if (isRight(text)) return { [name]: text };
  throw new BuildError(
    'usage',
    `invalid argument ${JSON.stringify(text)} for --${name}: failed to parse IP`,
  );
}

export const networkDisconnectCommand: Command = {
  names: ['network disconnect'],
  usage: '[OPTIONS] NETWORK CONTAINER',
  summary: 'Disconnect a container from a network',
  flags: [{ name: 'force', short: 'f', kind: 'bool', help: 'Also from a network that is gone' }],
  run: async (context) => {
    const [network = '', container = ''] = exactly(
      context,
      2,
      'stave network disconnect [OPTIONS] NETWORK CONTAINER',
    );
    await using workshop = openWorkshop(undefined, context.env);
    await disconnectNetwork(network, container, workshop, context.flags.bool('force'));
    return 0;
  },
};
