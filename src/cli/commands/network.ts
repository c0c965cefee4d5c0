import { clientSetting } from '../../client-config.js';
import type { Network } from '../../model/network.js';
import {
  createNetwork,
  inspectNetwork,
  listNetworks,
  pruneNetworks,
  removeNetwork,
} from '../../networks.js';
import { BuildError } from '../../model/error.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { confirm } from '../confirm.js';
import { labelText } from '../format/label-text.js';
import { type Column, formatListing } from '../format/listing.js';
import { goTime } from '../format/units.js';
import { errorText } from '../print-error.js';
import { atLeastOne, exactly, INSPECT_FLAGS, inspectAll } from './images.js';
import { matchesNetwork, parseFilters } from './network-filters.js';

const FILTER = {
  name: 'filter',
  short: 'f',
  kind: 'list',
  value: 'NAME=VALUE',
  help: 'Only those with driver, id, label, name, scope, type or dangling as said',
} as const;

const NO_CONFIGS =
  'give each network its own options; a network that is none of its own is of swarms';

export const networkCreateCommand: Command = {
  names: ['network create'],
  usage: '[OPTIONS] NETWORK',
  summary: 'Create a network',
  flags: [
    { name: 'attachable', kind: 'bool', help: 'Kept, and shown by inspect' },
    {
      name: 'aux-address',
      kind: 'list',
      value: 'NAME=IP',
      help: 'An address that is not ours to give',
    },
    { name: 'driver', short: 'd', kind: 'text', value: 'DRIVER', help: 'bridge' },
    { name: 'gateway', kind: 'list', value: 'IP', help: "The bridge's address in a subnet" },
    { name: 'internal', kind: 'bool', help: 'No way out' },
    {
      name: 'ip-range',
      kind: 'list',
      value: 'CIDR',
      help: 'Where addresses of containers come from',
    },
    { name: 'ipam-driver', kind: 'text', value: 'DRIVER', help: 'default' },
    { name: 'ipam-opt', kind: 'list', value: 'NAME=VALUE', help: 'Kept, and shown by inspect' },
    { name: 'ipv4', kind: 'bool', help: 'Always' },
    { name: 'ipv6', kind: 'bool', help: 'IPv6 addresses too' },
    { name: 'label', kind: 'list', value: 'NAME[=VALUE]', help: 'Set metadata' },
    {
      name: 'opt',
      short: 'o',
      kind: 'list',
      value: 'NAME=VALUE',
      help: 'Options of the bridge: its name, MTU',
    },
    { name: 'scope', kind: 'text', value: 'SCOPE', help: 'local' },
    { name: 'subnet', kind: 'list', value: 'CIDR', help: 'Addresses of the network' },
    { name: 'config-from', kind: 'text', help: '', refused: NO_CONFIGS },
    { name: 'config-only', kind: 'bool', help: '', refused: NO_CONFIGS },
    { name: 'ingress', kind: 'bool', help: '', refused: 'it is of swarms, which need a daemon' },
  ],
  run: async (context) => {
    const { flags, env, stdout } = context;
    const [name = ''] = exactly(context, 1, 'stave network create [OPTIONS] NETWORK');
    checkDrivers(context);
    await using workshop = openWorkshop(undefined, env);
    const { id } = await createNetwork(
      {
        name,
        subnets: words(flags.list('subnet')),
        gateways: words(flags.list('gateway')),
        ranges: words(flags.list('ip-range')),
        aux: flags.list('aux-address').map(pairOf),
        internal: flags.bool('internal'),
        ipv6: flags.bool('ipv6'),
        attachable: flags.bool('attachable'),
        labels: Object.fromEntries(flags.list('label').map(pairOf)),
        options: Object.fromEntries(flags.list('opt').map(pairOf)),
        ipamOptions: Object.fromEntries(flags.list('ipam-opt').map(pairOf)),
      },
      workshop,
    );
    say(stdout, `${id}\n`);
    return 0;
  },
};

/** pflag's lists: commas part them too. */
function words(values: readonly string[]): readonly string[] {
  return values.flatMap((value) => value.split(','));
}

function pairOf(text: string): readonly [string, string] {
  const cut = text.indexOf('=');
  return cut === -1 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)];
}

/** Drivers of docker's own, and why they are not here. */
const DRIVERS: Readonly<Record<string, string>> = {
  macvlan: 'containers would be on the network of the machine, past its firewall',
  ipvlan: 'containers would be on the network of the machine, past its firewall',
  overlay: 'it is of swarms, which need a daemon',
};

function checkDrivers({ flags }: CommandContext): void {
  const driver = flags.text('driver') ?? 'bridge';
  const why = DRIVERS[driver];
  if (why !== undefined)
    throw new BuildError('unsupported', `--driver ${driver} is not supported: ${why}`, {
      hint: 'use bridge, or run --network host',
    });
  if (driver === 'host' || driver === 'null')
    throw new BuildError('usage', `only one instance of "${driver}" network is allowed`);
  if (driver !== 'bridge')
    throw new BuildError('usage', `plugin ${JSON.stringify(driver)} not found`, {
      hint: 'use bridge',
    });
  if ((flags.text('ipam-driver') ?? 'default') !== 'default')
    throw new BuildError('unsupported', 'an --ipam-driver is not supported', {
      hint: 'leave it out',
    });
  if (flags.text('ipv4') === 'false')
    throw new BuildError(
      'unsupported',
      '--ipv4=false is not supported: published ports and names need IPv4 here',
      { hint: 'leave it out; --ipv6 adds addresses of the other kind' },
    );
  if ((flags.text('scope') ?? 'local') !== 'local')
    throw new BuildError(
      'unsupported',
      `cannot create a ${flags.text('scope') ?? ''} scoped network: they are of swarms`,
      { hint: 'leave --scope out: networks are local' },
    );
}

const COLUMNS = (whole: boolean): readonly Column<Network>[] => [
  { field: 'ID', header: 'NETWORK ID', value: ({ id }) => (whole ? id : id.slice(0, 12)) },
  { field: 'Name', header: 'NAME', value: ({ name }) => name },
  { field: 'Driver', header: 'DRIVER', value: ({ driver }) => driver },
  { field: 'Scope', header: 'SCOPE', value: () => 'local' },
  { field: 'IPv4', header: 'IPV4', value: () => 'true' },
  { field: 'IPv6', header: 'IPV6', value: ({ ipv6 }) => String(ipv6) },
  { field: 'Internal', header: 'INTERNAL', value: ({ internal }) => String(internal) },
  { field: 'Labels', header: 'LABELS', value: ({ labels }) => labelText(labels) },
  { field: 'CreatedAt', header: 'CREATED AT', value: ({ created }) => goTime(created) },
];

const byName = new Intl.Collator('en', { numeric: true });

export const networkListCommand: Command = {
  names: ['network ls', 'network list'],
  usage: '[OPTIONS]',
  summary: 'List networks',
  flags: [
    FILTER,
    {
      name: 'format',
      kind: 'text',
      value: 'TEMPLATE',
      help: "table, 'table TEMPLATE', json or a Go template",
    },
    { name: 'no-trunc', kind: 'bool', help: 'Do not cut anything' },
    { name: 'quiet', short: 'q', kind: 'bool', help: 'Only IDs' },
  ],
  run: async ({ flags, env, stdout }) => {
    const filters = parseFilters(flags.list('filter'));
    await using workshop = openWorkshop(undefined, env);
    const rows = listNetworks(workshop)
      .filter((network) => matchesNetwork(network, filters, workshop))
      .toSorted((a, b) => byName.compare(a.name, b.name));
    const format =
      flags.text('format') ??
      (flags.bool('quiet') ? '{{.ID}}' : clientSetting('networksFormat', env));
    const shown = ['ID', 'Name', 'Driver', 'Scope'];
    say(stdout, formatListing(rows, COLUMNS(flags.bool('no-trunc')), shown, format));
    return 0;
  },
};

export const networkInspectCommand: Command = {
  names: ['network inspect'],
  usage: '[OPTIONS] NETWORK...',
  summary: 'Show all that is known of networks',
  flags: [
    ...INSPECT_FLAGS,
    { name: 'verbose', short: 'v', kind: 'bool', help: 'The same: it adds what swarms have' },
  ],
  run: async (context) => {
    await using workshop = openWorkshop(undefined, context.env);
    return await inspectAll(context, (name) => Promise.resolve(inspectNetwork(name, workshop)));
  },
};

export const networkRemoveCommand: Command = {
  names: ['network rm', 'network remove'],
  usage: '[OPTIONS] NETWORK...',
  summary: 'Remove networks',
  flags: [
    { name: 'force', short: 'f', kind: 'bool', help: 'Say nothing of one that is not there' },
  ],
  run: async (context) => {
    const names = atLeastOne(context, 'stave network rm NETWORK...');
    await using workshop = openWorkshop(undefined, context.env);
    let failures = 0;
    for (const name of names) {
      try {
        await removeNetwork(name, workshop);
        say(context.stdout, `${name}\n`);
      } catch (error) {
        if (!(error instanceof BuildError)) throw error;
        if (context.flags.bool('force') && error.code === 'not-found') continue;
        failures++;
        say(context.stderr, errorText(error));
      }
    }
    return failures === 0 ? 0 : 1;
  },
};

const WARNING = `WARNING! This will remove all custom networks not used by at least one container.
Are you sure you want to continue?`;

export const networkPruneCommand: Command = {
  names: ['network prune'],
  usage: '[OPTIONS]',
  summary: 'Remove all unused networks',
  flags: [
    { name: 'force', short: 'f', kind: 'bool', help: 'Do not ask' },
    {
      name: 'filter',
      kind: 'list',
      value: 'NAME=VALUE',
      help: 'Only those of until=TIME, label=NAME',
    },
  ],
  run: async ({ flags, env, stdout, signal }) => {
    const filters = parseFilters(flags.list('filter'), ['until', 'label', 'label!']);
    if (!flags.bool('force') && !(await confirm(WARNING, stdout, signal))) return 0;
    await using workshop = openWorkshop(undefined, env);
    const wanted = (network: Network): boolean => matchesNetwork(network, filters, workshop);
    const removed = await pruneNetworks(wanted, workshop);
    if (removed.length > 0)
      say(stdout, `Deleted Networks:\n${removed.map((name) => `${name}\n`).join('')}\n`);
    return 0;
  },
};
