import { parseReference } from '../../model/reference.js';
import { pushImage } from '../../push.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { exactly, IMAGE_PLATFORM } from './images.js';

export const pushCommand: Command = {
  names: ['push', 'image push'],
  usage: '[OPTIONS] NAME[:TAG]',
  summary: 'Send an image to a registry',
  flags: [
    { name: 'all-tags', short: 'a', kind: 'bool', help: 'All tags of the repository' },
    { ...IMAGE_PLATFORM, help: 'Only this platform of an image that has several' },
    { name: 'quiet', short: 'q', kind: 'bool', help: 'Print only the name' },
  ],
  run: async (context) => {
    const { flags, env, stdout, signal } = context;
    const [name = ''] = exactly(context, 1, 'stave push [OPTIONS] NAME[:TAG]');
    const [all, quiet] = [flags.bool('all-tags'), flags.bool('quiet')];
    const { tag, digest } = parseReference(name);
    if (!all && !quiet && tag === 'latest' && digest === undefined && !name.endsWith(':latest'))
      say(stdout, 'Using default tag: latest\n');
    await using workshop = openWorkshop(undefined, env);
    const canonical = await pushImage(name, {
      workshop,
      all,
      platform: flags.text('platform'),
      signal,
      say: (line) => {
        if (!quiet) say(stdout, `${line}\n`);
      },
    });
    if (quiet) say(stdout, `${canonical}\n`);
    return 0;
  },
};
