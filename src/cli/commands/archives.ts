import { familiarName, parseReference } from '../../model/reference.js';
import { BuildError } from '../../model/error.js';
import { ARCHIVE_OUTPUT, archiveOutput } from '../archive-output.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { atLeastOne, IMAGE_PLATFORM, quietScope } from './images.js';

export const saveCommand: Command = {
  names: ['save', 'image save'],
  usage: '[OPTIONS] IMAGE...',
  summary: 'Write images to an archive that docker, podman and skopeo load',
  flags: [ARCHIVE_OUTPUT, IMAGE_PLATFORM],
  run: async (context) => {
    const names = atLeastOne(context, 'stave save [OPTIONS] IMAGE...');
    const dest = archiveOutput(context);
    await using workshop = openWorkshop(undefined, context.env);
    const { saveArchive } = await import('../../archives.js');
    const platform = context.flags.text('platform');
    await saveArchive(names, { dest, platform }, workshop, quietScope(context.signal));
    return 0;
  },
};

export const loadCommand: Command = {
  names: ['load', 'image load'],
  usage: '[OPTIONS]',
  summary: 'Take in images from an archive (OCI layout or docker save)',
  flags: [
    {
      name: 'input',
      short: 'i',
      kind: 'text',
      value: 'FILE',
      help: 'Read a file instead of stdin',
    },
    { name: 'quiet', short: 'q', kind: 'bool', help: 'Accepted: there is no progress to silence' },
    IMAGE_PLATFORM,
  ],
  noArguments: true,
  run: async ({ flags, env, stdout, signal }) => {
    const input = flags.text('input');
    if (input === undefined && process.stdin.isTTY) {
      throw new BuildError('usage', 'requested load from stdin, but stdin is empty', {
        hint: 'use -i FILE, or pipe an archive in',
      });
    }
    await using workshop = openWorkshop(undefined, env);
    const { loadImages } = await import('../../archives.js');
    const images = await loadImages(
      input ?? process.stdin,
      workshop,
      quietScope(signal),
      flags.text('platform'),
    );
    for (const { id, names } of images) {
      if (names.length === 0) say(stdout, `Loaded image ID: ${id}\n`);
      for (const name of names)
        say(stdout, `Loaded image: ${familiarName(parseReference(name))}\n`);
    }
    return 0;
  },
};
