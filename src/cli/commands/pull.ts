import { parsePlatform } from '../../model/platform.js';
import { parseReference } from '../../model/reference.js';
import { pullAllTags, pullImage } from '../../pull.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { exactly } from './images.js';

export const pullCommand: Command = {
  names: ['pull', 'image pull'],
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Download an image from a registry',
  flags: [
    { name: 'quiet', short: 'q', kind: 'bool', help: 'Print only the name' },
    { name: 'all-tags', short: 'a', kind: 'bool', help: 'All tags of the repository' },
    { name: 'platform', kind: 'text', value: 'OS/ARCH', help: 'Of an image that has several' },
  ],
  run: async (context) => {
    const [name = ''] = exactly(context, 1, 'stave pull [OPTIONS] NAME[:TAG|@DIGEST]');
    await using workshop = openWorkshop(undefined, context.env);
    const quiet = context.flags.bool('quiet');
    const all = context.flags.bool('all-tags');
    const { tag, digest } = parseReference(name);
    if (!all && !quiet && tag === 'latest' && digest === undefined && !name.endsWith(':latest'))
      say(context.stdout, 'Using default tag: latest\n');
    const wanted = context.flags.text('platform') ?? context.env['DOCKER_DEFAULT_PLATFORM'] ?? '';
    const platform = wanted === '' ? workshop.platform : parsePlatform(wanted, workshop.platform);
    const canonical = await (all ? pullAllTags : pullImage)(name, {
      workshop,
      platform,
      signal: context.signal,
      say: (line) => {
        if (!quiet) say(context.stdout, `${line}\n`);
      },
    });
    say(context.stdout, `${canonical}\n`);
    return 0;
  },
};
