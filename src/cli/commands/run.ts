import { detachKeys } from '../../client-config.js';
import { createFromImage, runAttached, startContainer } from '../../containers.js';
import { exitCodeOf } from '../../model/container.js';
import { BuildError } from '../../model/error.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { withExitCode } from '../exit-error.js';
import type { FlagSpec } from '../flags.js';
import { errorText } from '../print-error.js';
import { badValue } from '../run-flags/flag-values.js';
import { cidFile } from '../run-flags/cid-file.js';
import { atLeastOne } from './images.js';
import { RUN_FLAGS, runOptions } from '../run-flags/run-options.js';

const ATTACH: FlagSpec = {
  name: 'attach',
  short: 'a',
  kind: 'list',
  value: 'STREAM',
  help: 'Only this of stdin, stdout, stderr',
};

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
    ATTACH,
    { name: 'sig-proxy', kind: 'bool', help: 'Pass signals on (default true)' },
    ...RUN_FLAGS,
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

const ATTACH_AND_DETACH = 'conflicting options: cannot specify both --attach and --detach';
const NO_TERMINAL = 'leave out -t, or run it in a terminal';
const USAGE = 'usage: stave run [OPTIONS] IMAGE [COMMAND] [ARG...]';

/** As docker's client, which has not asked its daemon yet: 125 is the daemon's. */
function clientError({ stderr }: CommandContext, message: string, hint: string): number {
  say(stderr, errorText(new BuildError('usage', message, { hint })));
  return 1;
}

async function run(context: CommandContext): Promise<number> {
  const { flags, env, stdout, stderr } = context;
  const detach = flags.bool('detach');
  if (flags.rest.length === 0) {
    const what = `'${context.name}' requires at least 1 argument`;
    return clientError(context, what, USAGE);
  }
  const options = runOptions(context);
  const keys = detachKeys(flags.text('detach-keys'), env);
  if (options.terminal && options.interactive && !detach && !process.stdin.isTTY)
    return clientError(context, 'the input device is not a TTY', NO_TERMINAL);
  const attached = attachedStreams(context);
  if (detach && flags.list('attach').length > 0)
    return clientError(context, ATTACH_AND_DETACH, 'leave out -a: stave attach comes later');
  const cid = cidFile(options);
  await using workshop = openWorkshop(undefined, env);
  const state = await createFromImage(options, workshop, stderr);
  cid.write(state.id);
  if (detach) {
    try {
      await startContainer(state, workshop);
    } catch (error) {
      if (options.remove) workshop.containers.remove(state.id);
      throw error;
    }
    say(stdout, `${state.id}\n`);
    return 0;
  }
  const request = {
    streams: {
      ...{ stdout, stderr, hidden: attached.hidden },
      ...(attached.stdin && options.interactive ? { stdin: process.stdin } : {}),
    },
    detachKeys: keys,
    proxySignals: flags.text('sig-proxy') !== 'false',
  };
  try {
    return (await runAttached(state, request, workshop)) ?? 0;
  } finally {
    if (options.remove && !workshop.containers.isRunning(state.id))
      workshop.containers.remove(state.id, 'with volumes');
  }
}

/** docker's `-a`: without it all streams. Throws BuildError `usage`. */
function attachedStreams({ flags }: CommandContext): {
  readonly stdin: boolean;
  readonly hidden: readonly ('stdout' | 'stderr')[];
} {
  const given = flags.list('attach').map((text) => text.toLowerCase());
  const wrong = given.some((name) => !['stdin', 'stdout', 'stderr'].includes(name));
  if (wrong) {
    const [value = ''] = flags.list('attach');
    throw badValue('-a, --attach', value, 'valid streams are STDIN, STDOUT and STDERR');
  }
  const all = given.length === 0;
  const hidden = (['stdout', 'stderr'] as const).filter((name) => !all && !given.includes(name));
  return { stdin: all || given.includes('stdin'), hidden };
}

export const createCommand: Command = {
  names: ['create', 'container create'],
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create a container without starting it',
  interspersed: false,
  flags: [
    { ...ATTACH, help: 'Of stdin, stdout, stderr; start says what it attaches' },
    ...RUN_FLAGS,
  ],
  run: async (context) => {
    const usage = 'stave create [OPTIONS] IMAGE [COMMAND] [ARG...]';
    atLeastOne(context, usage);
    // What is wrong with its flags has docker's code for flags; what comes after has 1, unlike that of `run`.
    const options = withExitCode(125, () => {
      attachedStreams(context);
      return runOptions(context);
    });
    const cid = cidFile(options);
    await using workshop = openWorkshop(undefined, context.env);
    const { id } = await createFromImage(options, workshop, context.stderr);
    cid.write(id);
    say(context.stdout, `${id}\n`);
    return 0;
  },
};
