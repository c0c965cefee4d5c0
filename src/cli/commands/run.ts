import { createFromImage, runAttached, startContainer } from '../../containers.js';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../../model/detach-keys.js';
import { exitCodeOf } from '../../model/container.js';
import { BuildError } from '../../model/error.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import type { FlagSpec } from '../flags.js';
import { errorText } from '../print-error.js';

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
    'init',
  ])
  .concat([
    'ip',
    'ipc',
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
  ...[
    ['p', 'publish'],
    ['v', 'volume'],
    ['m', 'memory'],
    ['P', 'publish-all'],
  ].map(([short = '', name = '']): FlagSpec => ({
    name: `${name}!`,
    short,
    kind: 'text',
    help: '',
    later: true,
  })),
];

/** Flags of `run` and `create`. */
const FLAGS: readonly FlagSpec[] = [
  { name: 'entrypoint', kind: 'text', value: 'COMMAND', help: "Instead of the image's entrypoint" },
  {
    name: 'env',
    short: 'e',
    kind: 'list',
    value: 'NAME[=VALUE]',
    help: 'Set an environment variable',
  },
  { name: 'hostname', short: 'h', kind: 'text', value: 'NAME', help: 'Host name of the container' },
  { name: 'interactive', short: 'i', kind: 'bool', help: 'Keep stdin open' },
  { name: 'label', short: 'l', kind: 'list', value: 'NAME[=VALUE]', help: 'Set metadata' },
  { name: 'name', kind: 'text', value: 'NAME', help: 'Name of the container' },
  {
    name: 'network',
    kind: 'text',
    value: 'MODE',
    help: 'host (the default, until there is a bridge) or none',
  },
  { name: 'rm', kind: 'bool', help: 'Remove the container when it ends' },
  { name: 'stop-signal', kind: 'text', value: 'SIGNAL', help: 'What stop sends' },
  { name: 'tty', short: 't', kind: 'bool', help: 'Give it a terminal' },
  { name: 'user', short: 'u', kind: 'text', value: 'USER[:GROUP]', help: 'Who runs it' },
  { name: 'workdir', short: 'w', kind: 'text', value: 'DIR', help: 'Working directory' },
];

export const runCommand: Command = {
  names: ['run', 'container run'],
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Run a command in a new container',
  interspersed: false,
  usageCode: 125,
  flags: [
    { name: 'detach', short: 'd', kind: 'bool', help: 'In the background; print its ID' },
    {
      name: 'detach-keys',
      kind: 'text',
      value: 'KEYS',
      help: 'Keys that leave it running (ctrl-p,ctrl-q)',
    },
    { name: 'sig-proxy', kind: 'bool', help: 'Pass signals on (default true)' },
    ...FLAGS,
    ...LATER,
    ...LATER_SHORT,
  ],
  run: async (context) => {
    try {
      return await run(context);
    } catch (error) {
      if (!(error instanceof BuildError) || error.code === 'usage') throw error;
      say(context.stderr, errorText(error));
      return error.code === 'not-found' && !error.message.startsWith('exec:')
        ? 125
        : exitCodeOf(error);
    }
  },
};

async function run(context: CommandContext): Promise<number> {
  const { flags, env, stdout, stderr } = context;
  const detach = flags.bool('detach');
  const options = runOptions(context, 'run');
  const detachKeys = parseDetachKeys(flags.text('detach-keys') ?? DEFAULT_DETACH_KEYS);
  if (options.terminal && options.interactive && !detach && !process.stdin.isTTY)
    throw new BuildError('usage', 'the input device is not a TTY', {
      hint: 'leave out -t, or run it in a terminal',
    });
  await using workshop = openWorkshop(undefined, env);
  const state = await createFromImage(options, workshop, stderr);
  if (detach) {
    await startContainer(state, workshop);
    say(stdout, `${state.id}\n`);
    return 0;
  }
  const request = {
    streams: { stdout, stderr, ...(options.interactive ? { stdin: process.stdin } : {}) },
    detachKeys,
    proxySignals: flags.text('sig-proxy') !== 'false',
  };
  try {
    return (await runAttached(state, request, workshop)) ?? 0;
  } finally {
    if (options.remove && !workshop.containers.isRunning(state.id))
      workshop.containers.remove(state.id);
  }
}

export const createCommand: Command = {
  names: ['create', 'container create'],
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create a container without starting it',
  interspersed: false,
  flags: [...FLAGS, ...LATER, ...LATER_SHORT],
  run: async (context) => {
    const options = runOptions(context, 'create');
    await using workshop = openWorkshop(undefined, context.env);
    const { id } = await createFromImage(options, workshop, context.stderr);
    say(context.stdout, `${id}\n`);
    return 0;
  },
};

function runOptions({ flags, env }: CommandContext, command: string) {
  const [image, ...rest] = flags.rest;
  if (image === undefined)
    throw new BuildError('usage', `"stave ${command}" requires at least 1 argument`, {
      hint: `usage: stave ${command} [OPTIONS] IMAGE [COMMAND] [ARG...]`,
    });
  const texts = {
    name: flags.text('name'),
    workdir: flags.text('workdir'),
    user: flags.text('user'),
    entrypoint: flags.text('entrypoint'),
    hostname: flags.text('hostname'),
    stopSignal: flags.text('stop-signal'),
  };
  return {
    image,
    command: rest,
    env: environment(flags.list('env'), env),
    interactive: flags.bool('interactive'),
    terminal: flags.bool('tty'),
    remove: flags.bool('rm'),
    network: networkOf(flags.text('network')),
    labels: labelsOf(flags.list('label')),
    ...(Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined)) as {
      [K in keyof typeof texts]?: string; // What was not given is left out.
    }),
  };
}

/** `NAME=VALUE`, or `NAME` with the value it has here. */
export function environment(given: readonly string[], env: NodeJS.ProcessEnv): string[] {
  return given.flatMap((entry) => {
    if (entry.includes('=')) return [entry];
    return env[entry] === undefined ? [] : [`${entry}=${env[entry]}`];
  });
}

function labelsOf(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    list.map((label) => {
      const cut = label.indexOf('=');
      return cut === -1 ? [label, ''] : [label.slice(0, cut), label.slice(cut + 1)];
    }),
  );
}

function networkOf(value: string | undefined): 'host' | 'none' {
  if (value === undefined || value === 'host' || value === 'default') return 'host';
  if (value === 'none') return 'none';
  throw new BuildError('unsupported', `--network ${value} is not supported yet`, {
    hint: 'use host or none',
  });
}
