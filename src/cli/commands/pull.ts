import { pullImage } from '../../pull.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { exactly } from './images.js';

export const pullCommand: Command = {
  names: ['pull', 'image pull'],
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Download an image from a registry',
  flags: [
    { name: 'quiet', short: 'q', kind: 'bool', help: 'Print only the name' },
    { name: 'all-tags', short: 'a', kind: 'bool', help: '', later: true },
    { name: 'platform', kind: 'text', help: '', later: true },
  ],
  run: async (context) => {
    const [name = ''] = exactly(context, 1, 'stave pull [OPTIONS] NAME[:TAG|@DIGEST]');
    await using workshop = openWorkshop(undefined, context.env);
    const quiet = context.flags.bool('quiet');
    await pullImage(name, workshop, context.signal, (line) => {
      if (!quiet) say(context.stdout, `${line}\n`);
    }).then((canonical) => {
      say(context.stdout, `${canonical}\n`);
    });
    return 0;
  },
};
