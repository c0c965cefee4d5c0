import { detachKeys } from '../../client-config.js';
import {
  attachContainer,
  kill,
  rename,
  restart,
  runAttached,
  startContainer,
  stop,
  waitForExit,
} from '../../containers.js';
import { containersDue } from '../../restart.js';
import { BuildError } from '../../model/error.js';
import { openWorkshop, type Workshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import type { FlagSpec } from '../flags.js';
import { leftByKeys } from '../left-by-keys.js';
import { errorText } from '../print-error.js';
import { notWhole } from '../run-flags/flag-values.js';
import { asError, atLeastOne, exactly } from './images.js';

const DETACH_KEYS: FlagSpec = {
  name: 'detach-keys',
  kind: 'text',
  value: 'KEYS',
  help: 'Keys that leave it running (ctrl-p,ctrl-q)',
};
const SIGNAL: FlagSpec = {
  name: 'signal',
  short: 's',
  kind: 'text',
  value: 'SIGNAL',
  help: 'Name or number of the signal',
};
const TIMEOUT: FlagSpec = {
  name: 'timeout',
  short: 't',
  kind: 'text',
  value: 'SECONDS',
  help: 'Until SIGKILL (default 10; -1: never)',
  check: notWhole,
};
const TIME: FlagSpec = {
  name: 'time',
  kind: 'text',
  value: 'SECONDS',
  help: 'As --timeout',
  check: notWhole,
};

/**
 * Does the same to each container named and prints its name, or why not; `ending` says at last for which it failed, where
 * docker does.
 */
export async function each(
  context: CommandContext,
  usage: string,
  work: (name: string, workshop: Workshop) => Promise<string | undefined>,
  ending?: string,
): Promise<number> {
  const names = atLeastOne(context, usage);
  await using workshop = openWorkshop(undefined, context.env);
  const failed: string[] = [];
  for (const name of names) {
    try {
      say(context.stdout, `${(await work(name, workshop)) ?? name}\n`);
    } catch (error) {
      failed.push(name);
      if (!(error instanceof BuildError)) throw asError(error);
      say(context.stderr, errorText(error));
    }
  }
  if (failed.length === 0) return 0;
  if (ending !== undefined) say(context.stderr, `Error: ${ending}: ${failed.join(', ')}\n`);
  return 1;
}

function request({ flags, env, stdout, stderr }: CommandContext, stdin: boolean) {
  return {
    streams: { stdout, stderr, ...(stdin ? { stdin: process.stdin } : {}) },
    detachKeys: detachKeys(flags.text('detach-keys'), env),
    proxySignals: flags.text('sig-proxy') !== 'false',
  };
}

export const startCommand: Command = {
  names: ['start', 'container start'],
  usage: '[OPTIONS] CONTAINER...',
  summary: 'Start containers that do not run',
  flags: [
    { name: 'attach', short: 'a', kind: 'bool', help: 'Show their output, pass signals on' },
    { name: 'interactive', short: 'i', kind: 'bool', help: 'Attach stdin' },
    DETACH_KEYS,
    {
      name: 'restart-policy',
      kind: 'bool',
      help: 'All that a restart policy wants running: after the machine started',
    },
    ...['checkpoint', 'checkpoint-dir'].map((name): FlagSpec => ({
      name,
      kind: 'text',
      help: '',
      refused: 'there are no checkpoints here, as in docker without experimental features',
    })),
  ],
  run: async (context) => {
    const usage = 'stave start [OPTIONS] CONTAINER...';
    const { flags } = context;
    const interactive = flags.bool('interactive');
    if (flags.bool('restart-policy')) return startThoseDue(context);
    if (!flags.bool('attach') && !interactive) {
      const start = async (name: string, workshop: Workshop): Promise<undefined> => {
        await startContainer(workshop.containers.find(name), workshop);
      };
      return each(context, usage, start, 'failed to start containers');
    }
    const [name = '', ...more] = atLeastOne(context, usage);
    if (more.length > 0) throw several();
    await using workshop = openWorkshop(undefined, context.env);
    const state = workshop.containers.find(name);
    const stdin = interactive && state.openStdin;
    if (workshop.containers.isRunning(state.id))
      return (await attachContainer(name, request(context, stdin), workshop)) ?? 0;
    return (await runAttached(state, request(context, stdin), workshop)) ?? 0;
  },
};

function several(): BuildError {
  return new BuildError('usage', 'you cannot start and attach multiple containers at once', {
    hint: 'start them without -a and -i, then stave attach or stave logs -f',
  });
}

async function startThoseDue(context: CommandContext): Promise<number> {
  exactly(context, 0, 'stave start --restart-policy');
  await using workshop = openWorkshop(undefined, context.env);
  let failures = 0;
  for (const { name } of containersDue(workshop)) {
    try {
      await startContainer(workshop.containers.find(name), workshop);
      say(context.stdout, `${name}\n`);
    } catch (error) {
      failures++;
      if (!(error instanceof BuildError)) throw asError(error);
      say(context.stderr, errorText(error));
    }
  }
  return failures === 0 ? 0 : 1;
}

export const attachCommand: Command = {
  names: ['attach', 'container attach'],
  usage: '[OPTIONS] CONTAINER',
  summary: 'Attach to a container that runs',
  flags: [
    DETACH_KEYS,
    { name: 'no-stdin', kind: 'bool', help: 'Do not attach stdin' },
    { name: 'sig-proxy', kind: 'bool', help: 'Pass signals on (default true)' },
  ],
  run: async (context) => {
    const [name = ''] = exactly(context, 1, 'stave attach [OPTIONS] CONTAINER');
    await using workshop = openWorkshop(undefined, context.env);
    const { openStdin } = workshop.containers.find(name);
    const stdin = openStdin && !context.flags.bool('no-stdin');
    const code = await attachContainer(name, request(context, stdin), workshop);
    return code ?? leftByKeys(context.stderr);
  },
};

export const stopCommand: Command = {
  names: ['stop', 'container stop'],
  usage: '[OPTIONS] CONTAINER...',
  summary: 'Stop containers: their stop signal, then SIGKILL',
  flags: [SIGNAL, TIMEOUT, TIME],
  run: (context) =>
    each(context, 'stave stop [OPTIONS] CONTAINER...', async (name, workshop) => {
      await stop(name, stopOptions(context), workshop);
      return undefined;
    }),
};

export const restartCommand: Command = {
  names: ['restart', 'container restart'],
  usage: '[OPTIONS] CONTAINER...',
  summary: 'Stop containers and start them again',
  flags: [SIGNAL, TIMEOUT, TIME],
  run: (context) =>
    each(context, 'stave restart [OPTIONS] CONTAINER...', async (name, workshop) => {
      await restart(name, stopOptions(context), workshop);
      return undefined;
    }),
};

/** Longer than any container lives: setTimeout takes no more. */
const NEVER_MS = 2 ** 31 - 1;

function stopOptions({ flags }: CommandContext): { signal?: string; timeoutMs?: number } {
  const [signal, given] = [flags.text('signal') ?? '', flags.text('timeout') ?? flags.text('time')];
  const ms = Number(given) * 1000;
  return {
    ...(signal === '' ? {} : { signal }),
    ...(given === undefined ? {} : { timeoutMs: ms < 0 ? NEVER_MS : Math.min(ms, NEVER_MS) }),
  };
}

export const killCommand: Command = {
  names: ['kill', 'container kill'],
  usage: '[OPTIONS] CONTAINER...',
  summary: 'Send a signal to containers (default KILL)',
  flags: [SIGNAL],
  run: (context) => {
    const given = context.flags.text('signal') ?? '';
    const signal = given === '' ? 'KILL' : given;
    return each(context, 'stave kill [OPTIONS] CONTAINER...', async (name, workshop) => {
      await kill(name, signal, workshop);
      return undefined;
    });
  },
};

export const waitCommand: Command = {
  names: ['wait', 'container wait'],
  usage: 'CONTAINER...',
  summary: 'Wait until containers end and print their exit codes',
  flags: [],
  run: (context) =>
    each(context, 'stave wait CONTAINER...', async (name, workshop) =>
      String(await waitForExit(name, workshop, context.signal)),
    ),
};

export const renameCommand: Command = {
  names: ['rename', 'container rename'],
  usage: 'CONTAINER NAME',
  summary: 'Give a container another name',
  flags: [],
  run: async (context) => {
    const [name = '', to = ''] = exactly(context, 2, 'stave rename CONTAINER NAME');
    if (name.trim() === '' || to.trim() === '')
      throw new BuildError('usage', 'Neither old nor new names may be empty');
    await using workshop = openWorkshop(undefined, context.env);
    try {
      rename(name, to, workshop);
      return 0;
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      say(context.stderr, `${errorText(error)}Error: failed to rename container named ${name}\n`);
      return 1;
    }
  },
};
