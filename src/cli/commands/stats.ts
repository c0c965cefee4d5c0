import { clientSetting } from '../../client-config.js';
import { type Measurement, measureContainers } from '../../container-usage.js';
import { type ContainerState, isUp } from '../../model/container.js';
import { openWorkshop, type Workshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { type Column, formatListing } from '../format/listing.js';
import { binarySize, humanSize } from '../format/units.js';

const SHOWN = ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'];
/** Between two looks: what docker's engine takes. */
const PAUSE_MS = 1000;

function statsColumns(whole: boolean): readonly Column<Measurement>[] {
  const both = (one: number | undefined, other: number | undefined): string =>
    `${humanSize(one ?? 0)} / ${humanSize(other ?? 0)}`;
  return [
    { field: 'Container', header: 'CONTAINER', value: ({ state }) => state.name },
    {
      field: 'ID',
      header: 'CONTAINER ID',
      value: ({ state: { id } }) => (whole ? id : id.slice(0, 12)),
    },
    { field: 'Name', header: 'NAME', value: ({ state }) => state.name },
    { field: 'CPUPerc', header: 'CPU %', value: ({ cpuPercent }) => percent(cpuPercent) },
    {
      field: 'MemUsage',
      header: 'MEM USAGE / LIMIT',
      value: ({ usage }) =>
        `${binarySize(usage?.memory ?? 0)} / ${binarySize(usage?.memoryLimit ?? 0)}`,
    },
    {
      field: 'MemPerc',
      header: 'MEM %',
      value: ({ usage }) =>
        percent(usage === undefined ? 0 : (usage.memory / usage.memoryLimit) * 100),
    },
    { field: 'NetIO', header: 'NET I/O', value: ({ usage }) => both(usage?.received, usage?.sent) },
    {
      field: 'BlockIO',
      header: 'BLOCK I/O',
      value: ({ usage }) => both(usage?.read, usage?.written),
    },
    { field: 'PIDs', header: 'PIDS', value: ({ usage }) => String(usage?.pids ?? 0) },
  ];
}

function percent(value: number): string {
  return `${value.toFixed(2)}%`;
}

export const statsCommand: Command = {
  names: ['stats', 'container stats'],
  usage: '[OPTIONS] [CONTAINER...]',
  summary: 'Show what containers use of the machine',
  flags: [
    { name: 'all', short: 'a', kind: 'bool', help: 'Also those that do not run' },
    {
      name: 'format',
      kind: 'text',
      value: 'TEMPLATE',
      help: "table, 'table TEMPLATE', json or a Go template",
    },
    { name: 'no-stream', kind: 'bool', help: 'Show it once' },
    { name: 'no-trunc', kind: 'bool', help: 'Do not cut anything' },
  ],
  run: async (context) => {
    const { flags, env, signal } = context;
    await using workshop = openWorkshop(undefined, env);
    const choose = (): readonly ContainerState[] => chosen(context, workshop);
    const told = new Set<string>();
    choose(); // A name that nobody has is an error now, not after a second.
    for await (const list of measureContainers(choose, { pauseMs: PAUSE_MS, signal })) {
      explain(list, context, told);
      show(list, context);
      if (flags.bool('no-stream')) break;
    }
    return 0;
  },
};

function chosen({ flags }: CommandContext, { containers }: Workshop): readonly ContainerState[] {
  if (flags.rest.length > 0) return flags.rest.map((name) => containers.find(name));
  return containers.list().filter((state) => flags.bool('all') || isUp(state));
}

/** Without a cgroup shared pages are counted by their share, and what ended is not counted at all: that is said. */
function explain(
  list: readonly Measurement[],
  { stderr }: CommandContext,
  told: Set<string>,
): void {
  for (const { state, usage } of list) {
    if (usage === undefined || usage.ownCgroup || told.has(state.id)) continue;
    told.add(state.id);
    say(stderr, `note: ${state.name} has no cgroup: its figures are sums over its processes\n`);
  }
}

/** On a terminal each list takes the place of the one before. */
function show(list: readonly Measurement[], { flags, stdout, env }: CommandContext): void {
  const columns = statsColumns(flags.bool('no-trunc'));
  const format = flags.text('format') ?? clientSetting('statsFormat', env);
  const text = formatListing(list, columns, SHOWN, format);
  if (flags.bool('no-stream') || !stdout.isTTY) say(stdout, text);
  else say(stdout, `\x1b[H${text.replaceAll('\n', '\x1b[K\n')}\x1b[J`);
}
