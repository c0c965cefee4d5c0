import { clientSetting } from '../../client-config.js';
import { BuildError } from '../../model/error.js';
import type { Volume } from '../../model/volume.js';
import {
  createVolume,
  inspectVolume,
  pruneVolumes,
  removeVolume,
  usedVolumes,
} from '../../volumes.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { confirm } from '../confirm.js';
import { formatListing } from '../format/listing.js';
import { humanSize } from '../format/units.js';
import { VOLUME_METHODS, volumeColumns } from '../format/volume-columns.js';
import { errorText } from '../print-error.js';
import { atLeastOne, INSPECT_FLAGS, inspectAll, wrongCount } from './images.js';
import { parseFilters } from './network-filters.js';
import { matchesVolume, pairOf } from './volume-filters.js';

export const volumeCreateCommand: Command = {
  names: ['volume create'],
  usage: '[OPTIONS] [VOLUME]',
  summary: 'Create a volume',
  flags: [
    { name: 'driver', short: 'd', kind: 'text', value: 'DRIVER', help: 'local' },
    { name: 'label', kind: 'list', value: 'NAME[=VALUE]', help: 'Set metadata' },
    { name: 'name', kind: 'text', value: 'NAME', help: 'As the argument' },
    { name: 'opt', short: 'o', kind: 'list', help: '', refused: 'volumes are plain directories' },
  ],
  run: async (context) => {
    const { flags, env, stdout } = context;
    const [given, ...more] = flags.rest;
    const usage = 'stave volume create [OPTIONS] [VOLUME]';
    if (more.length > 0) throw wrongCount(context, 'at most 1 argument', usage);
    if (given !== undefined && flags.text('name') !== undefined)
      throw new BuildError(
        'usage',
        'conflicting options: cannot specify a volume-name through both --name and as a positional arg',
        { hint: `usage: ${usage}` },
      );
    const name = given ?? flags.text('name');
    const driver = flags.text('driver') ?? 'local';
    if (driver !== 'local')
      throw new BuildError('unsupported', `volume driver ${driver} is not supported`, {
        hint: 'volumes are directories of the store: the driver is local',
      });
    const labels = Object.fromEntries(flags.list('label').map(pairOf));
    await using workshop = openWorkshop(undefined, env);
    const wanted = name === undefined || name === '' ? undefined : name;
    const volume = await createVolume(wanted, labels, workshop);
    say(stdout, `${volume.name}\n`);
    return 0;
  },
};

export const volumeListCommand: Command = {
  names: ['volume ls', 'volume list'],
  usage: '[OPTIONS]',
  summary: 'List volumes',
  flags: [
    {
      name: 'filter',
      short: 'f',
      kind: 'list',
      value: 'NAME=VALUE',
      help: 'Only those of dangling, driver, label or name',
    },
    {
      name: 'format',
      kind: 'text',
      value: 'TEMPLATE',
      help: "table, 'table TEMPLATE', json or a Go template",
    },
    { name: 'quiet', short: 'q', kind: 'bool', help: 'Only names' },
  ],
  noArguments: true,
  run: async ({ flags, env, stdout }) => {
    const filters = parseFilters(flags.list('filter'), ['dangling', 'driver', 'label', 'name']);
    await using workshop = openWorkshop(undefined, env);
    const used = usedVolumes(workshop);
    const rows = workshop
      .volumes()
      .list()
      .filter((volume) => matchesVolume(volume, filters, used))
      .map((volume) => ({ volume }));
    const format =
      flags.text('format') ??
      (flags.bool('quiet') ? '{{.Name}}' : clientSetting('volumesFormat', env));
    const raw = [
      ['name', 'Name'],
      ['driver', 'Driver'],
    ] as const;
    const how = { format, methods: VOLUME_METHODS, raw };
    say(stdout, formatListing(rows, volumeColumns(workshop), ['Driver', 'Name'], how));
    return 0;
  },
};

export const volumeInspectCommand: Command = {
  names: ['volume inspect'],
  usage: '[OPTIONS] VOLUME...',
  summary: 'Show all that is known of volumes',
  flags: INSPECT_FLAGS,
  run: async (context) => {
    await using workshop = openWorkshop(undefined, context.env);
    return await inspectAll(context, (name) => Promise.resolve(inspectVolume(name, workshop)));
  },
};

export const volumeRemoveCommand: Command = {
  names: ['volume rm', 'volume remove'],
  usage: '[OPTIONS] VOLUME...',
  summary: 'Remove volumes',
  flags: [
    { name: 'force', short: 'f', kind: 'bool', help: 'Say nothing of one that is not there' },
  ],
  run: async (context) => {
    const names = atLeastOne(context, 'stave volume rm [OPTIONS] VOLUME...');
    await using workshop = openWorkshop(undefined, context.env);
    let failures = 0;
    for (const name of names) {
      try {
        await removeVolume(name, workshop);
        say(context.stdout, `${name}\n`);
      } catch (error) {
        if (!(error instanceof BuildError)) throw error;
        if (context.flags.bool('force') && error.code === 'not-found') {
          say(context.stdout, `${name}\n`);
          continue;
        }
        failures++;
        say(context.stderr, errorText(error));
      }
    }
    return failures === 0 ? 0 : 1;
  },
};

const ANONYMOUS = `WARNING! This will remove anonymous local volumes not used by at least one container.
Are you sure you want to continue?`;
const ALL = `WARNING! This will remove all local volumes not used by at least one container.
Are you sure you want to continue?`;

export const volumePruneCommand: Command = {
  names: ['volume prune'],
  usage: '[OPTIONS]',
  summary: 'Remove unused anonymous volumes',
  flags: [
    { name: 'all', short: 'a', kind: 'bool', help: 'Also those with a name' },
    {
      name: 'filter',
      kind: 'list',
      value: 'NAME=VALUE',
      help: 'Only those of label=NAME, label!=NAME, all=true',
    },
    { name: 'force', short: 'f', kind: 'bool', help: 'Do not ask' },
  ],
  noArguments: true,
  run: async ({ flags, env, stdout, signal }) => {
    const filters = parseFilters(flags.list('filter'), ['label', 'label!', 'all']);
    const all =
      flags.bool('all') ||
      filters.some(({ name, value }) => name === 'all' && /^(1|true)$/i.test(value));
    if (!flags.bool('force') && !(await confirm(all ? ALL : ANONYMOUS, stdout, signal))) return 0;
    await using workshop = openWorkshop(undefined, env);
    const none = new Set<string>();
    const wanted = (volume: Volume): boolean =>
      (all || volume.anonymous) && matchesVolume(volume, filters, none);
    const { removed, bytes } = await pruneVolumes(wanted, workshop);
    if (removed.length > 0)
      say(stdout, `Deleted Volumes:\n${removed.map((name) => `${name}\n`).join('')}\n`);
    say(stdout, `Total reclaimed space: ${humanSize(bytes)}\n`);
    return 0;
  },
};
