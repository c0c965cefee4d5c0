import { BuildError } from '../../model/error.js';
import { removeImage } from '../../remove-image.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { errorText } from '../print-error.js';
import { asError, atLeastOne, sayAll } from './images.js';

export const removeCommand: Command = {
  names: ['rmi', 'image rm', 'image remove'],
  usage: '[OPTIONS] IMAGE...',
  summary: 'Remove names of images, and images that have none left',
  flags: [
    {
      name: 'force',
      short: 'f',
      kind: 'bool',
      help: 'Also when it has several names or stopped containers',
    },
    { name: 'no-prune', kind: 'bool', help: 'Leave its layers to builder prune' },
    {
      name: 'platform',
      kind: 'list',
      value: 'OS/ARCH',
      help: '',
      refused: 'images of an index go together',
    },
  ],
  run: async (context) => {
    const { flags, stdout, stderr } = context;
    const names = atLeastOne(context, 'stave rmi [OPTIONS] IMAGE...');
    await using workshop = openWorkshop(undefined, context.env);
    const { collectImages, needed } = await import('../../prune.js');
    const had = needed(workshop);
    const failures: Error[] = [];
    for (const name of names) {
      try {
        const lines = removeImage(name, flags.bool('force'), workshop);
        say(stdout, lines.map((line) => `${line}\n`).join(''));
      } catch (error) {
        failures.push(asError(error));
      }
    }
    if (!flags.bool('no-prune')) await collectImages(had, workshop);
    if (!flags.bool('force') || !failures.every(isAbsent)) return sayAll(failures, stderr);
    // Who forces wants them gone, and they are.
    for (const failure of failures) say(stderr, errorText(failure));
    return 0;
  },
};

function isAbsent(error: Error): boolean {
  return error instanceof BuildError && error.code === 'not-found';
}
