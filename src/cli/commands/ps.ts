import { clientSetting } from '../../client-config.js';
import {
  CONTAINER_FILTERS,
  type ContainerSize,
  containerSize,
  platformOf,
  selectContainers,
  shownImage,
} from '../../container-list.js';
import type { ContainerState } from '../../model/container.js';
import { notFilter, parseFilters } from '../../model/filters.js';
import { healthOf } from '../../health.js';
import { containerPorts, networkNames } from '../../network-settings.js';
import { volumesOf } from '../../model/volume.js';
import { openWorkshop, type Workshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { displayedPorts } from '../format/displayed-ports.js';
import { labelText } from '../format/label-text.js';
import { type Column, formatListing } from '../format/listing.js';
import { goTime, humanDuration, humanSize, since } from '../format/units.js';
import { notWhole } from '../run-flags/flag-values.js';
import { quietScope } from './images.js';

/** One line of `ps`. */
export interface ContainerRow {
  readonly state: ContainerState;
  readonly image: string;
  /** Asked for only when it is shown: it reads the whole layer. */
  readonly size?: ContainerSize;
}

function statusOf(state: ContainerState, workshop: Workshop): string {
  const now = workshop.now();
  const up = (): string => `Up ${humanDuration(now - Date.parse(state.started ?? ''))}`;
  if (state.status === 'paused') return `${up()} (Paused)`;
  if (state.status === 'running') return `${up()}${healthText(state, workshop)}`;
  if (state.status === 'created') return 'Created';
  if (state.status === 'restarting')
    return `Restarting (${String(state.exitCode)}) ${since(state.finished, now)}`;
  return `Exited (${String(state.exitCode)}) ${since(state.finished, now)}`;
}

function healthText(state: ContainerState, { containers }: Workshop): string {
  const health = healthOf(state, containers)?.Status;
  if (health === undefined) return '';
  return ` (${health === 'starting' ? 'health: starting' : health})`;
}

/** docker's columns of a container. */
export function containerColumns(
  workshop: Workshop,
  whole: boolean,
): readonly Column<ContainerRow>[] {
  const now = workshop.now();
  const of = (
    field: string,
    header: string,
    value: (state: ContainerState) => string,
  ): Column<ContainerRow> => ({ field, header, value: ({ state }) => value(state) });
  return [
    of('ID', 'CONTAINER ID', ({ id }) => (whole ? id : id.slice(0, 12))),
    { field: 'Image', header: 'IMAGE', value: ({ image }) => image },
    of('Command', 'COMMAND', ({ args }) => JSON.stringify(cut(commandLine(args), whole))),
    of('CreatedAt', 'CREATED AT', ({ created }) => goTime(created)),
    of('RunningFor', 'CREATED', ({ created }) => since(created, now)),
    of('Status', 'STATUS', (state) => statusOf(state, workshop)),
    of(
      'HealthStatus',
      'HEALTH STATUS',
      (state) => healthOf(state, workshop.containers)?.Status ?? '',
    ),
    of('State', 'STATE', ({ status }) => status),
    of('Ports', 'PORTS', (state) => displayedPorts(containerPorts(state, workshop))),
    of('Names', 'NAMES', ({ name }) => name),
    of('Labels', 'LABELS', ({ config }) => labelText(config.Labels)),
    of('Networks', 'NETWORKS', (state) => networkNames(state, workshop).join(',')),
    of('Platform', 'PLATFORM', (state) => platformOf(state, workshop) ?? ''),
    { field: 'Size', header: 'SIZE', value: ({ size }) => sizeText(size) },
    // What there is none of yet, as docker prints it for a container without.
    of('LocalVolumes', 'LOCAL VOLUMES', (state) => String(volumesOf(state).length)),
    of('Mounts', 'MOUNTS', (state) => mountedNames(state, whole).join(',')),
  ];
}

function sizeText(size: ContainerSize | undefined): string {
  if (size === undefined) return '0B';
  const own = humanSize(size.own);
  return size.total > 0 ? `${own} (virtual ${humanSize(size.total)})` : own;
}

/** As docker's engine tells it: what has blanks stands in quotes. */
function commandLine(args: readonly string[]): string {
  const [program = '', ...rest] = args;
  return [program, ...rest.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg))].join(' ');
}

/** Volumes by name, binds by their source, as docker cuts them. */
function mountedNames({ mounts = [] }: ContainerState, whole: boolean): readonly string[] {
  return mounts
    .filter(({ type }) => type !== 'tmpfs')
    .map(({ name, source = '' }) => ellipsis(name ?? source, whole ? Infinity : 15));
}

function cut(text: string, whole: boolean): string {
  return ellipsis(text, whole ? Infinity : 20);
}

function ellipsis(text: string, most: number): string {
  const characters = Array.from(text);
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}

const SHOWN = ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'];

const EXTRAS = {
  methods: {
    Label: ({ state }: ContainerRow, name: string) => state.config.Labels?.[name] ?? '',
  },
  raw: [
    ['container_id', 'ID'],
    ['image', 'Image'],
    ['command', 'Command'],
    ['created_at', 'CreatedAt'],
    ['state', 'State'],
    ['status', 'Status'],
    ['names', 'Names'],
    ['labels', 'Labels'],
    ['ports', 'Ports'],
  ],
} as const;

export const psCommand: Command = {
  names: ['ps', 'container ls', 'container list', 'container ps'],
  usage: '[OPTIONS]',
  summary: 'List containers',
  noArguments: true,
  flags: [
    { name: 'all', short: 'a', kind: 'bool', help: 'Also those that do not run' },
    {
      name: 'filter',
      short: 'f',
      kind: 'list',
      value: 'KEY=VALUE',
      help: 'Only those that match',
      check: notFilter,
    },
    {
      name: 'format',
      kind: 'text',
      value: 'TEMPLATE',
      help: "table, 'table TEMPLATE', json, raw or a Go template",
    },
    {
      name: 'last',
      short: 'n',
      kind: 'text',
      value: 'N',
      help: 'The N newest, whatever they do',
      check: notWhole,
    },
    { name: 'latest', short: 'l', kind: 'bool', help: 'The newest, whatever it does' },
    { name: 'no-trunc', kind: 'bool', help: 'Do not cut anything' },
    { name: 'quiet', short: 'q', kind: 'bool', help: 'Only IDs' },
    { name: 'size', short: 's', kind: 'bool', help: 'Also how much they wrote' },
  ],
  run: async (context) => {
    const { flags, env, stdout, stderr } = context;
    const options = listOptions(context);
    await using workshop = openWorkshop(undefined, env);
    const format = flags.text('format');
    const quiet = flags.bool('quiet');
    if (quiet && format !== undefined) {
      const why = 'because both --format and --quiet are set';
      say(stderr, `WARNING: Ignoring custom format, ${why}.\n`);
    }
    const shownAs = format ?? clientSetting('psFormat', env);
    const asked = /\.Size\b|\bjson \. *[}|]/.test(shownAs ?? '');
    const sized = !quiet && (flags.bool('size') || asked);
    const rows = await rowsOf(selectContainers(options, workshop), sized, context, workshop);
    const columns = containerColumns(workshop, flags.bool('no-trunc'));
    const shown = sized ? [...SHOWN, 'Size'] : SHOWN;
    say(
      stdout,
      formatListing(rows, columns, shown, {
        ...EXTRAS,
        raw: sized ? [...EXTRAS.raw, ['size', 'Size']] : EXTRAS.raw,
        format: quiet ? '{{.ID}}' : shownAs,
      }),
    );
    return 0;
  },
};

function listOptions({ flags }: CommandContext) {
  const last = flags.text('last');
  return {
    filters: parseFilters(flags.list('filter'), CONTAINER_FILTERS),
    all: flags.bool('all'),
    last: last !== undefined && last !== '-1' ? Number(last) : flags.bool('latest') ? 1 : 0,
  };
}

/** Rows of a list of containers; with `sized` each one's layer is measured. */
export async function rowsOf(
  states: readonly ContainerState[],
  sized: boolean,
  { flags, signal }: CommandContext,
  workshop: Workshop,
): Promise<readonly ContainerRow[]> {
  const rows: ContainerRow[] = [];
  for (const state of states) {
    const image = shownImage(state, flags.bool('no-trunc'), workshop);
    const size = sized ? await containerSize(state, workshop, quietScope(signal)) : undefined;
    rows.push({ state, image, ...(size === undefined ? {} : { size }) });
  }
  return rows;
}
