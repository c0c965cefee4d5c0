import { blobSource } from '../../image-source.js';
import { canonicalName, familiarName, parseReference } from '../../model/reference.js';
import { BuildError } from '../../model/error.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { atLeastOne, quietScope } from './images.js';

export const saveCommand: Command = {
  names: ['save', 'image save'],
  usage: '[OPTIONS] IMAGE...',
  summary: 'Write images to an archive that docker, podman and skopeo load',
  flags: [
    {
      name: 'output',
      short: 'o',
      kind: 'text',
      value: 'FILE',
      help: 'Write to a file instead of stdout',
    },
    { name: 'platform', kind: 'text', help: '', later: true },
  ],
  run: async (context) => {
    const names = atLeastOne(context, 'stave save [OPTIONS] IMAGE...');
    const dest = context.flags.text('output') ?? '-';
    if (dest === '-' && context.stdout.isTTY) {
      throw new BuildError('usage', 'cowardly refusing to save to a terminal', {
        hint: 'use -o FILE, or redirect stdout',
      });
    }
    await using workshop = openWorkshop(undefined, context.env);
    const { saveImages } = await import('../../exporter/save-images.js');
    const images = names.map((name) => {
      const image = workshop.store.images.find(name);
      const canonical = tryCanonical(name);
      const references = image.references.filter((each) => canonicalName(each) === canonical);
      return { ...image, references };
    });
    const reference = images.flatMap((image) => image.references)[0];
    const fetch = blobSource(
      reference === undefined ? 'scratch' : canonicalName(reference),
      workshop,
    );
    const layers = { store: workshop.store, fetch };
    await saveImages(images, { type: 'oci', dest }, layers, quietScope(context.signal));
    return 0;
  },
};

function tryCanonical(name: string): string | undefined {
  try {
    return canonicalName(parseReference(name));
  } catch {
    return undefined; // An id is no name.
  }
}

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
    { name: 'platform', kind: 'text', help: '', later: true },
  ],
  run: async ({ flags, env, stdout, signal }) => {
    const input = flags.text('input');
    if (input === undefined && process.stdin.isTTY) {
      throw new BuildError('usage', 'requested load from stdin, but stdin is empty', {
        hint: 'use -i FILE, or pipe an archive in',
      });
    }
    await using workshop = openWorkshop(undefined, env);
    const { loadArchive } = await import('../../exporter/load.js');
    const context = { store: workshop.store, platform: workshop.platform };
    const images = await loadArchive(input ?? process.stdin, context, quietScope(signal));
    for (const { id, names } of images) {
      if (names.length === 0) say(stdout, `Loaded image ID: ${id}\n`);
      for (const name of names)
        say(stdout, `Loaded image: ${familiarName(parseReference(name))}\n`);
    }
    return 0;
  },
};
