import { inspectContainer, removeContainer, runImage } from '../../containers.js';
import { inspectImage } from '../../images.js';
import { type ContainerState, exitCodeOf } from '../../model/container.js';
import { BuildError } from '../../model/error.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import type { FlagSpec } from '../flags.js';
import { type Column, formatListing } from '../format/listing.js';
import { goTime, humanDuration, since } from '../format/units.js';
import { errorText } from '../print-error.js';
import { asError, atLeastOne, INSPECT_FLAGS, inspectAll, quietScope } from './images.js';

const LATER = [
  'add-host',
  'attach',
  'cap-add',
  'cap-drop',
  'cgroup-parent',
  'cidfile',
  'cpus',
  'cpu-shares',
  'cpuset-cpus',
]
  .concat([
    'device',
    'dns',
    'domainname',
    'env-file',
    'expose',
    'gpus',
    'group-add',
    'health-cmd',
    'hostname',
    'init',
  ])
  .concat([
    'ip',
    'ipc',
    'label',
    'link',
    'log-driver',
    'log-opt',
    'memory',
    'memory-swap',
    'mount',
    'network-alias',
    'pid',
  ])
  .concat([
    'pids-limit',
    'platform',
    'privileged',
    'publish',
    'publish-all',
    'pull',
    'read-only',
    'restart',
    'runtime',
  ])
  .concat([
    'security-opt',
    'shm-size',
    'stop-signal',
    'stop-timeout',
    'sysctl',
    'tmpfs',
    'ulimit',
    'userns',
    'uts',
  ])
  .concat(['volume', 'volumes-from'])
  .map((name): FlagSpec => ({ name, kind: 'text', help: '', later: true }));

const LATER_SHORT: readonly FlagSpec[] = [
  { name: 'detach', short: 'd', kind: 'bool', help: '', later: true },
  ...[
    ['p', 'publish'],
    ['v', 'volume'],
    ['m', 'memory'],
    ['h', 'hostname'],
    ['l', 'label'],
    ['P', 'publish-all'],
  ].map(([short = '', name = '']): FlagSpec => ({
    name: `${name}!`,
    short,
    kind: 'text',
    help: '',
    later: true,
  })),
];

export const runCommand: Command = {
  names: ['run', 'container run'],
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Run a command in a new container',
  interspersed: false,
  usageCode: 125,
  flags: [
    {
      name: 'entrypoint',
      kind: 'text',
      value: 'COMMAND',
      help: "Instead of the image's entrypoint",
    },
    {
      name: 'env',
      short: 'e',
      kind: 'list',
      value: 'NAME[=VALUE]',
      help: 'Set an environment variable',
    },
    { name: 'interactive', short: 'i', kind: 'bool', help: 'Keep stdin open' },
    { name: 'name', kind: 'text', value: 'NAME', help: 'Name of the container' },
    {
      name: 'network',
      kind: 'text',
      value: 'MODE',
      help: 'host (the default, until there is a bridge) or none',
    },
    { name: 'rm', kind: 'bool', help: 'Remove the container when it ends' },
    { name: 'tty', short: 't', kind: 'bool', help: 'Give it a terminal' },
    { name: 'user', short: 'u', kind: 'text', value: 'USER[:GROUP]', help: 'Who runs it' },
    { name: 'workdir', short: 'w', kind: 'text', value: 'DIR', help: 'Working directory' },
    ...LATER,
    ...LATER_SHORT,
  ],
  run: async (context) => {
    const { flags, env } = context;
    const [image, ...command] = flags.rest;
    if (image === undefined)
      throw new BuildError('usage', '"stave run" requires at least 1 argument', {
        hint: 'usage: stave run [OPTIONS] IMAGE [COMMAND] [ARG...]',
      });
    if (flags.bool('tty') && !process.stdin.isTTY)
      throw new BuildError('usage', 'the input device is not a TTY', {
        hint: 'leave out -t, or run it in a terminal',
      });
    const [name, workdir, user, entrypoint, term] = [
      flags.text('name'),
      flags.text('workdir'),
      flags.text('user'),
      flags.text('entrypoint'),
      env['TERM'],
    ];
    await using workshop = openWorkshop(undefined, env);
    const options = {
      image,
      command,
      env: flags
        .list('env')
        .flatMap((entry) =>
          entry.includes('=')
            ? [entry]
            : env[entry] === undefined
              ? []
              : [`${entry}=${env[entry]}`],
        ),
      interactive: flags.bool('interactive'),
      terminal: flags.bool('tty'),
      remove: flags.bool('rm'),
      network: networkOf(flags.text('network')),
      ...(name === undefined ? {} : { name }),
      ...(workdir === undefined ? {} : { workdir }),
      ...(user === undefined ? {} : { user }),
      ...(entrypoint === undefined ? {} : { entrypoint }),
      ...(term === undefined ? {} : { term }),
    };
    try {
      return (await runImage(options, workshop, context.stderr)).code;
    } catch (error) {
      if (!(error instanceof BuildError) || error.code === 'usage') throw error;
      say(context.stderr, errorText(error));
      return error.code === 'not-found' && !error.message.startsWith('exec:')
        ? 125
        : exitCodeOf(error);
    }
  },
};

function networkOf(value: string | undefined): 'host' | 'none' {
  if (value === undefined || value === 'host' || value === 'default') return 'host';
  if (value === 'none') return 'none';
  throw new BuildError('unsupported', `--network ${value} is not supported yet`, {
    hint: 'use host or none',
  });
}

function statusOf(state: ContainerState, now: number): string {
  if (state.status === 'running')
    return `Up ${humanDuration(now - Date.parse(state.started ?? ''))}`;
  if (state.status === 'created') return 'Created';
  return `Exited (${String(state.exitCode)}) ${since(state.finished, now)}`;
}

function containerColumns(now: number, whole: boolean): readonly Column<ContainerState>[] {
  return [
    { field: 'ID', header: 'CONTAINER ID', value: ({ id }) => (whole ? id : id.slice(0, 12)) },
    { field: 'Image', header: 'IMAGE', value: ({ image }) => image },
    { field: 'Command', header: 'COMMAND', value: ({ args }) => `"${cut(args.join(' '), whole)}"` },
    { field: 'CreatedAt', header: 'CREATED AT', value: ({ created }) => goTime(created) },
    { field: 'RunningFor', header: 'CREATED', value: ({ created }) => since(created, now) },
    { field: 'Status', header: 'STATUS', value: (state) => statusOf(state, now) },
    { field: 'State', header: 'STATE', value: ({ status }) => status },
    { field: 'Ports', header: 'PORTS', value: () => '' },
    { field: 'Names', header: 'NAMES', value: ({ name }) => name },
    // What there is none of yet: empty, as docker prints it for a container without.
    ...['HealthStatus', 'Labels', 'LocalVolumes', 'Mounts', 'Networks'].map(
      (field): Column<ContainerState> => ({ field, header: HEADERS[field] ?? '', value: () => '' }),
    ),
  ];
}

const HEADERS: Readonly<Record<string, string>> = {
  HealthStatus: 'HEALTH',
  Labels: 'LABELS',
  LocalVolumes: 'LOCAL VOLUMES',
  Mounts: 'MOUNTS',
  Networks: 'NETWORKS',
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
      .filter(({ status }) => flags.bool('all') || status === 'running');
    const columns = containerColumns(workshop.now(), flags.bool('no-trunc'));
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
