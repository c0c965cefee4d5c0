import { createFromImage, runAttached, startContainer } from '../../containers.js';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../../model/detach-keys.js';
import { exitCodeOf } from '../../model/container.js';
import { BuildError } from '../../model/error.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { errorText } from '../print-error.js';
import { cidFile } from '../run-flags/cid-file.js';
import { RUN_FLAGS, runOptions } from '../run-flags/run-options.js';

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

const NO_TERMINAL = { hint: 'leave out -t, or run it in a terminal' };

async function run(context: CommandContext): Promise<number> {
  const { flags, env, stdout, stderr } = context;
  const detach = flags.bool('detach');
  const options = runOptions(context, 'run');
  const detachKeys = parseDetachKeys(flags.text('detach-keys') ?? DEFAULT_DETACH_KEYS);
  if (options.terminal && options.interactive && !detach && !process.stdin.isTTY) {
    say(stderr, errorText(new BuildError('usage', 'the input device is not a TTY', NO_TERMINAL)));
    return 1; // As docker's client, which has not asked its daemon yet: 125 is the daemon's.
  }
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
    streams: { stdout, stderr, ...(options.interactive ? { stdin: process.stdin } : {}) },
    detachKeys,
    proxySignals: flags.text('sig-proxy') !== 'false',
  };
  try {
    return (await runAttached(state, request, workshop)) ?? 0;
  } finally {
    if (options.remove && !workshop.containers.isRunning(state.id))
      workshop.containers.remove(state.id, 'with volumes');
  }
}

export const createCommand: Command = {
  names: ['create', 'container create'],
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create a container without starting it',
  interspersed: false,
  flags: RUN_FLAGS,
  run: async (context) => {
    const options = runOptions(context, 'create');
    const cid = cidFile(options);
    await using workshop = openWorkshop(undefined, context.env);
    const { id } = await createFromImage(options, workshop, context.stderr);
    cid.write(id);
    say(context.stdout, `${id}\n`);
    return 0;
  },
};
