import {
  annotateEntry,
  createList,
  entryOf,
  fetchEntry,
  fetchManifest,
  listDocument,
  type ListEntry,
  listOf,
  type ListPlace,
  manifestOf,
  readList,
  removeList,
} from '../../manifest-lists.js';
import { isIndexType, MediaType } from '../../model/oci.js';
import { familiarName, parseReference } from '../../model/reference.js';
import { pushList } from '../../push-manifest.js';
import { openWorkshop, type Workshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import type { FlagSpec } from '../flags.js';
import { asError, atLeastOne, exactly, quietScope, sayAll, wrongCount } from './images.js';

const INSECURE: FlagSpec = {
  name: 'insecure',
  kind: 'bool',
  help: 'Speak plain HTTP to the registry',
};

function placeOf({ flags }: CommandContext, workshop: Workshop): ListPlace {
  return { workshop, insecure: flags.bool('insecure') };
}

export const manifestCreateCommand: Command = {
  names: ['manifest create'],
  usage: '[OPTIONS] MANIFEST_LIST MANIFEST...',
  summary: 'Make a list of images of several platforms, to be pushed',
  flags: [
    { name: 'amend', short: 'a', kind: 'bool', help: 'Add to a list that is there' },
    INSECURE,
  ],
  run: async (context) => {
    const { flags, env, stdout, signal } = context;
    const [list = '', ...names] = flags.rest;
    const usage = 'stave manifest create [OPTIONS] MANIFEST_LIST MANIFEST...';
    if (names.length === 0) throw wrongCount(context, 'at least 2 arguments', usage);
    await using workshop = openWorkshop(undefined, env);
    const options = { ...placeOf(context, workshop), amend: flags.bool('amend') };
    const made = await createList(list, names, options, quietScope(signal));
    say(stdout, `Created manifest list ${familiarName(made)}\n`);
    return 0;
  },
};

export const manifestAnnotateCommand: Command = {
  names: ['manifest annotate'],
  usage: '[OPTIONS] MANIFEST_LIST MANIFEST',
  summary: 'Say what an image of a list is for',
  flags: [
    { name: 'arch', kind: 'text', value: 'ARCH', help: 'Architecture' },
    { name: 'os', kind: 'text', value: 'OS', help: 'Operating system' },
    { name: 'os-features', kind: 'list', value: 'FEATURE', help: 'What of it is needed' },
    { name: 'os-version', kind: 'text', value: 'VERSION', help: 'Its version' },
    { name: 'variant', kind: 'text', value: 'VARIANT', help: 'Of the architecture' },
  ],
  run: async (context) => {
    const { flags, env } = context;
    const usage = 'stave manifest annotate [OPTIONS] MANIFEST_LIST MANIFEST';
    const [list = '', name = ''] = exactly(context, 2, usage);
    await using workshop = openWorkshop(undefined, env);
    const annotation = {
      os: flags.text('os'),
      arch: flags.text('arch'),
      variant: flags.text('variant'),
      osVersion: flags.text('os-version'),
      osFeatures: flags.list('os-features').flatMap((text) => text.split(',')),
    };
    annotateEntry(list, name, annotation, workshop);
    return 0;
  },
};

export const manifestInspectCommand: Command = {
  names: ['manifest inspect'],
  usage: '[OPTIONS] [MANIFEST_LIST] MANIFEST',
  summary: 'Show a list, or a manifest of a registry',
  flags: [
    INSECURE,
    { name: 'verbose', short: 'v', kind: 'bool', help: 'Each manifest whole, with its platform' },
  ],
  run: async (context) => {
    const { flags, env, stdout } = context;
    const [first, second, ...more] = flags.rest;
    const usage = 'stave manifest inspect [OPTIONS] [MANIFEST_LIST] MANIFEST';
    if (first === undefined) throw wrongCount(context, 'at least 1 argument', usage);
    if (more.length > 0) throw wrongCount(context, 'at most 2 arguments', usage);
    await using workshop = openWorkshop(undefined, env);
    if (second === undefined) say(stdout, `${await inspected(first, context, workshop)}\n`);
    else {
      const list = parseReference(first);
      const entry = entryOf(list, second, listOf(list, workshop));
      say(stdout, `${entryText(entry, flags.bool('verbose'))}\n`);
    }
    return 0;
  },
};

async function inspected(
  name: string,
  context: CommandContext,
  workshop: Workshop,
): Promise<string> {
  const reference = parseReference(name);
  const verbose = context.flags.bool('verbose');
  const entries = readList(reference, workshop);
  if (entries !== undefined) return listText(entries, verbose);
  const place = placeOf(context, workshop);
  const scope = quietScope(context.signal);
  const { descriptor, document } = await fetchManifest(reference, place, scope);
  if (!isIndexType(descriptor.mediaType))
    return verbose
      ? entryText(await fetchEntry(reference, place, scope), true)
      : JSON.stringify(document, null, '\t');
  if (!verbose) return JSON.stringify(document, null, 3);
  const { manifests } = document as { readonly manifests: readonly ListEntry['descriptor'][] }; // An index, as its type says.
  const inside: ListEntry[] = [];
  for (const entry of manifests) {
    const found = await fetchEntry({ ...reference, digest: entry.digest }, place, scope);
    inside.push({ ...found, descriptor: entry });
  }
  return listText(inside, true);
}

/** docker indents a list by three blanks, and the rest by tabs. */
function listText(entries: readonly ListEntry[], verbose: boolean): string {
  if (!verbose) return JSON.stringify(listDocument(entries), null, 3);
  return JSON.stringify(entries.map(wholeEntry), null, '\t');
}

function entryText(entry: ListEntry, verbose: boolean): string {
  return JSON.stringify(verbose ? wholeEntry(entry) : manifestOf(entry), null, '\t');
}

function wholeEntry(entry: ListEntry): object {
  const { name, descriptor, raw } = entry;
  const { mediaType, digest, size, platform } = descriptor;
  const kind = mediaType === MediaType.ociManifest ? 'OCIManifest' : 'SchemaV2Manifest';
  return {
    Ref: familiarName(parseReference(name)),
    Descriptor: { mediaType, digest, size, platform },
    Raw: raw,
    [kind]: manifestOf(entry),
  };
}

export const manifestPushCommand: Command = {
  names: ['manifest push'],
  usage: '[OPTIONS] MANIFEST_LIST',
  summary: 'Send a list to its registry',
  flags: [INSECURE, { name: 'purge', short: 'p', kind: 'bool', help: 'Forget it here then' }],
  run: async (context) => {
    const { flags, env, stdout, signal } = context;
    const [list = ''] = exactly(context, 1, 'stave manifest push [OPTIONS] MANIFEST_LIST');
    await using workshop = openWorkshop(undefined, env);
    const options = {
      ...placeOf(context, workshop),
      purge: flags.bool('purge'),
      say: (line: string) => {
        say(stdout, `${line}\n`);
      },
    };
    say(stdout, `${await pushList(list, options, quietScope(signal))}\n`);
    return 0;
  },
};

export const manifestRemoveCommand: Command = {
  names: ['manifest rm'],
  usage: 'MANIFEST_LIST...',
  summary: 'Forget lists that were not pushed',
  flags: [],
  run: async (context) => {
    const lists = atLeastOne(context, 'stave manifest rm MANIFEST_LIST...');
    await using workshop = openWorkshop(undefined, context.env);
    const failures: Error[] = [];
    for (const list of lists) {
      try {
        removeList(parseReference(list), workshop);
      } catch (error) {
        failures.push(asError(error));
      }
    }
    return sayAll(failures, context.stderr);
  },
};
