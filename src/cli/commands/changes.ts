import { escapeControls } from '../../ui/escape.js';
import { commitContainer, diffContainer } from '../../commit.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { exactly, quietScope, wrongCount } from './images.js';

export const diffCommand: Command = {
  names: ['diff', 'container diff'],
  usage: 'CONTAINER',
  summary: 'Show what a container changed in its filesystem: A added, C changed, D deleted',
  flags: [],
  run: async (context) => {
    const [name = ''] = exactly(context, 1, 'stave diff CONTAINER');
    await using workshop = openWorkshop(undefined, context.env);
    const lines = (await diffContainer(name, workshop)).map(({ kind, path }) => {
      const text = Buffer.from(path, 'latin1').toString();
      return `${kind} /${context.stdout.isTTY ? escapeControls(text) : text}\n`;
    });
    say(context.stdout, lines.join(''));
    return 0;
  },
};

export const commitCommand: Command = {
  names: ['commit', 'container commit'],
  usage: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  summary: "Make an image of a container's changes",
  flags: [
    { name: 'author', short: 'a', kind: 'text', value: 'TEXT', help: 'Who made it' },
    {
      name: 'change',
      short: 'c',
      kind: 'list',
      value: 'INSTRUCTION',
      help: "A Dockerfile instruction for the image's config",
    },
    { name: 'message', short: 'm', kind: 'text', value: 'TEXT', help: 'Why it was made' },
    {
      name: 'pause',
      short: 'p',
      kind: 'bool',
      help: 'Stop the container meanwhile (default true)',
    },
    { name: 'no-pause', kind: 'bool', help: 'Do not' },
  ],
  run: async (context) => {
    const { flags, env, signal, stdout } = context;
    const usage = 'stave commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]';
    const [container, name, ...more] = flags.rest;
    if (container === undefined || more.length > 0)
      throw wrongCount(context, 'at least 1 and at most 2 arguments', usage);
    const [author, message] = [flags.text('author'), flags.text('message')];
    const options = {
      container,
      changes: flags.list('change'),
      pause: flags.text('pause') !== 'false' && !flags.bool('no-pause'),
      ...(name === undefined ? {} : { name }),
      ...(author === undefined ? {} : { author }),
      ...(message === undefined ? {} : { message }),
    };
    await using workshop = openWorkshop(undefined, env);
    say(stdout, `${await commitContainer(options, workshop, quietScope(signal))}\n`);
    return 0;
  },
};
