import { inspectContainer, removeContainer } from '../../containers.js';
import { inspectImage } from '../../images.js';
import type { ContainerState } from '../../model/container.js';
import { BuildError } from '../../model/error.js';
import { containerPorts, networkNames } from '../../network-settings.js';
import { openWorkshop, type Workshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { displayedPorts } from '../format/displayed-ports.js';
import { type Column, formatListing } from '../format/listing.js';
import { goTime, humanDuration, since } from '../format/units.js';
import { asError, atLeastOne, INSPECT_FLAGS, inspectAll, quietScope } from './images.js';

function statusOf(state: ContainerState, now: number): string {
  if (state.status === 'paused')
    return `Up ${humanDuration(now - Date.parse(state.started ?? ''))} (Paused)`;
  if (state.status === 'running')
    return `Up ${humanDuration(now - Date.parse(state.started ?? ''))}`;
  if (state.status === 'created') return 'Created';
  return `Exited (${String(state.exitCode)}) ${since(state.finished, now)}`;
}

function containerColumns(workshop: Workshop, whole: boolean): readonly Column<ContainerState>[] {
  const now = workshop.now();
  return [
    { field: 'ID', header: 'CONTAINER ID', value: ({ id }) => (whole ? id : id.slice(0, 12)) },
    { field: 'Image', header: 'IMAGE', value: ({ image }) => image },
    { field: 'Command', header: 'COMMAND', value: ({ args }) => `"${cut(args.join(' '), whole)}"` },
    { field: 'CreatedAt', header: 'CREATED AT', value: ({ created }) => goTime(created) },
    { field: 'RunningFor', header: 'CREATED', value: ({ created }) => since(created, now) },
    { field: 'Status', header: 'STATUS', value: (state) => statusOf(state, now) },
    { field: 'State', header: 'STATE', value: ({ status }) => status },
    {
      field: 'Ports',
      header: 'PORTS',
      value: (state) => displayedPorts(containerPorts(state, workshop)),
    },
    { field: 'Names', header: 'NAMES', value: ({ name }) => name },
    { field: 'Labels', header: 'LABELS', value: ({ config }) => labelText(config.Labels) },
    {
      field: 'Networks',
      header: 'NETWORKS',
      value: (state) => networkNames(state, workshop).join(','),
    },
    // What there is none of yet: empty, as docker prints it for a container without.
    ...['HealthStatus', 'LocalVolumes', 'Mounts'].map((field): Column<ContainerState> => ({
      field,
      header: HEADERS[field] ?? '',
      value: () => '',
    })),
  ];
}

function labelText(labels: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(labels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

const HEADERS: Readonly<Record<string, string>> = {
  HealthStatus: 'HEALTH',
  LocalVolumes: 'LOCAL VOLUMES',
  Mounts: 'MOUNTS',
};

function cut(text: string, whole: boolean): string {
  return whole || text.length <= 20 ? text : `${text.slice(0, 19)}…`;
}

export const psCommand: Command = {
  names: ['ps', 'container ls', 'container list', 'container ps'],
  usage: '[OPTIONS]',
  summary: 'List containers',
  flags: [
    { name: 'all', short: 'a', kind: 'bool', help: 'Also those that do not run' },
    {
      name: 'format',
      kind: 'text',
      value: 'TEMPLATE',
      help: "table, 'table TEMPLATE', json or a Go template",
    },
    { name: 'no-trunc', kind: 'bool', help: 'Do not cut anything' },
    { name: 'quiet', short: 'q', kind: 'bool', help: 'Only IDs' },
    { name: 'filter', short: 'f', kind: 'list', help: '', later: true },
    { name: 'last', short: 'n', kind: 'text', help: '', later: true },
    { name: 'latest', short: 'l', kind: 'bool', help: '', later: true },
    { name: 'size', short: 's', kind: 'bool', help: '', later: true },
  ],
  run: async ({ flags, env, stdout }) => {
    await using workshop = openWorkshop(undefined, env);
    const rows = workshop.containers
      .list()
      .filter(({ status }) => flags.bool('all') || status === 'running' || status === 'paused');
    const columns = containerColumns(workshop, flags.bool('no-trunc'));
    if (flags.bool('quiet')) say(stdout, formatListing(rows, columns, [], '{{.ID}}'));
    else
      say(
        stdout,
        formatListing(
          rows,
          columns,
          ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'],
          flags.text('format'),
        ),
      );
    return 0;
  },
};

export const rmCommand: Command = {
  names: ['rm', 'container rm', 'container remove'],
  usage: '[OPTIONS] CONTAINER...',
  summary: 'Remove containers',
  flags: [
    { name: 'force', short: 'f', kind: 'bool', help: 'Also a running one (SIGKILL)' },
    { name: 'volumes', short: 'v', kind: 'bool', help: 'Accepted: there are no anonymous volumes' },
    { name: 'link', short: 'l', kind: 'bool', help: '', later: true },
  ],
  run: async (context) => {
    const names = atLeastOne(context, 'stave rm [OPTIONS] CONTAINER...');
    await using workshop = openWorkshop(undefined, context.env);
    let failure: Error | undefined;
    for (const name of names) {
      try {
        await removeContainer(name, context.flags.bool('force'), workshop);
        say(context.stdout, `${name}\n`);
      } catch (error) {
        failure ??= asError(error);
      }
    }
    if (failure !== undefined) throw failure;
    return 0;
  },
};

export const inspectContainerCommand: Command = {
  names: ['container inspect'],
  usage: '[OPTIONS] CONTAINER...',
  summary: 'Show all that is known of containers',
  flags: INSPECT_FLAGS,
  run: async (context) => {
    await using workshop = openWorkshop(undefined, context.env);
    return await inspectAll(context, (name) => Promise.resolve(inspectContainer(name, workshop)));
  },
};

/** A container first, then an image, as docker's. */
export const inspectCommand: Command = {
  names: ['inspect'],
  usage: '[OPTIONS] NAME...',
  summary: 'Show all that is known of containers or images',
  flags: [
    ...INSPECT_FLAGS,
    { name: 'type', kind: 'text', value: 'TYPE', help: 'container or image' },
    { name: 'size', short: 's', kind: 'bool', help: '', later: true },
  ],
  run: async (context) => {
    await using workshop = openWorkshop(undefined, context.env);
    return await inspectAll(context, (name) => inspectEither(name, context, workshop));
  },
};

async function inspectEither(
  name: string,
  { flags, signal }: CommandContext,
  workshop: ReturnType<typeof openWorkshop>,
): Promise<Record<string, unknown>> {
  const type = flags.text('type');
  if (type !== 'image') {
    try {
      return inspectContainer(name, workshop);
    } catch (error) {
      if (type === 'container' || !(error instanceof BuildError)) throw error;
    }
  }
  return inspectImage(name, workshop, quietScope(signal));
}
