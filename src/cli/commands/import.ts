import { importImage } from '../../import-image.js';
import { BuildError } from '../../model/error.js';
import { parsePlatform } from '../../model/platform.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { quietScope, wrongCount } from './images.js';

export const importCommand: Command = {
  names: ['import', 'image import'],
  usage: '[OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  summary: 'Make an image of the tar of a root filesystem',
  flags: [
    {
      name: 'change',
      short: 'c',
      kind: 'list',
      value: 'INSTRUCTION',
      help: "A Dockerfile instruction for the image's config",
    },
    { name: 'message', short: 'm', kind: 'text', value: 'TEXT', help: 'For its history' },
    { name: 'platform', kind: 'text', value: 'OS/ARCH', help: 'What it is for' },
  ],
  run: async (context) => {
    const { flags, env, stdout, signal } = context;
    const [source, name, ...more] = flags.rest;
    const usage = 'stave import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]';
    if (source === undefined) throw wrongCount(context, 'at least 1 argument', usage);
    if (more.length > 0) throw wrongCount(context, 'at most 2 arguments', usage);
    if (source === '-' && process.stdin.isTTY)
      throw new BuildError('usage', 'stdin is a terminal', { hint: 'pipe a tar in' });
    await using workshop = openWorkshop(undefined, env);
    const wanted = flags.text('platform') ?? env['DOCKER_DEFAULT_PLATFORM'] ?? '';
    const options = {
      source,
      stdin: process.stdin,
      name,
      message: flags.text('message') ?? `Imported from ${source}`,
      changes: flags.list('change'),
      platform: wanted === '' ? workshop.platform : parsePlatform(wanted, workshop.platform),
    };
    say(stdout, `${await importImage(options, workshop, quietScope(signal))}\n`);
    return 0;
  },
};
