import type { StoredImage } from '../../model/stored-image.js';
import { imageHistory, imageSize, inspectImage, tagImage } from '../../images.js';
import { removeImage } from '../../remove-image.js';
import { shortId } from '../../model/digest.js';
import { BuildError } from '../../model/error.js';
import { familiarRepository } from '../../model/reference.js';
import type { Scope } from '../../model/scope.js';
import { openWorkshop, type Workshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import type { FlagSpec } from '../flags.js';
import { type Column, formatListing } from '../format/listing.js';
import { goTime, humanSize, since, wholeSeconds } from '../format/units.js';
import { compileTemplate } from '../template/execute.js';

const FORMAT: FlagSpec = {
  name: 'format',
  kind: 'text',
  value: 'TEMPLATE',
  help: "table, 'table TEMPLATE', json or a Go template",
};
const QUIET: FlagSpec = { name: 'quiet', short: 'q', kind: 'bool', help: 'Only IDs' };
const NO_TRUNC: FlagSpec = { name: 'no-trunc', kind: 'bool', help: 'Do not cut anything' };

/** Commands over the store have no progress to show: their scope drops events. */
export function quietScope(signal: AbortSignal): Scope {
  return { signal, emit: () => undefined };
}

export function exactly(context: CommandContext, count: number, usage: string): readonly string[] {
  const { rest } = context.flags;
  if (rest.length === count) return rest;
  throw new BuildError(
    'usage',
    `requires exactly ${String(count)} argument${count === 1 ? '' : 's'}, not ${String(rest.length)}`,
    { hint: `usage: ${usage}` },
  );
}

export function atLeastOne(context: CommandContext, usage: string): readonly string[] {
  if (context.flags.rest.length > 0) return context.flags.rest;
  throw new BuildError('usage', 'requires at least 1 argument', { hint: `usage: ${usage}` });
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

interface ImageRow {
  readonly id: string;
  readonly full: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  readonly created: string | undefined;
  readonly size: number;
}

function imageColumns(now: number): readonly Column<ImageRow>[] {
  return [
    { field: 'Repository', header: 'REPOSITORY', value: (row) => row.repository },
    { field: 'Tag', header: 'TAG', value: (row) => row.tag },
    { field: 'Digest', header: 'DIGEST', value: (row) => row.digest },
    { field: 'ID', header: 'IMAGE ID', value: (row) => row.id },
    { field: 'CreatedSince', header: 'CREATED', value: (row) => since(row.created, now) },
    { field: 'CreatedAt', header: 'CREATED AT', value: (row) => goTime(row.created) },
    { field: 'Size', header: 'SIZE', value: (row) => humanSize(row.size) },
    // docker computes these three for `system df` alone.
    { field: 'Containers', header: 'CONTAINERS', value: () => 'N/A' },
    { field: 'SharedSize', header: 'SHARED SIZE', value: () => 'N/A' },
    { field: 'UniqueSize', header: 'UNIQUE SIZE', value: () => 'N/A' },
  ];
}

function rowsOf(image: StoredImage, whole: boolean, workshop: Workshop): ImageRow[] {
  const base = {
    id: whole ? image.id : shortId(image.id),
    full: image.id,
    created: image.config.created,
    size: imageSize(image, workshop),
  };
  if (image.references.length === 0)
    return [{ ...base, repository: '<none>', tag: '<none>', digest: '<none>' }];
  return image.references.map((reference) => ({
    ...base,
    repository: familiarRepository(reference),
    tag: reference.tag ?? '<none>',
    digest: image.pulled.some((each) => familiarRepository(each) === familiarRepository(reference))
      ? image.root.digest
      : '<none>',
  }));
}

function atMostOne([wanted, ...more]: readonly string[]): string | undefined {
  if (more.length === 0) return wanted;
  const usage = 'stave images [OPTIONS] [REPOSITORY[:TAG]]';
  const hint = wanted === 'rm' ? `did you mean stave image rm ${more.join(' ')}?` : usage;
  throw new BuildError('usage', 'requires at most 1 argument', { hint });
}

export const listCommand: Command = {
  names: ['images', 'image ls', 'image list'],
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  summary: 'List images',
  flags: [
    { name: 'all', short: 'a', kind: 'bool', help: 'Accepted: there are no hidden images' },
    { name: 'digests', kind: 'bool', help: 'Show digests' },
    FORMAT,
    NO_TRUNC,
    QUIET,
    { name: 'filter', short: 'f', kind: 'list', help: '', later: true },
    { name: 'tree', kind: 'bool', help: '', later: true },
  ],
  run: async ({ flags, env, stdout }) => {
    await using workshop = openWorkshop(undefined, env);
    const wanted = atMostOne(flags.rest);
    const whole = flags.bool('no-trunc');
    const rows = workshop.store.images
      .list()
      .flatMap((image) => rowsOf(image, whole, workshop))
      .filter(
        (row) =>
          wanted === undefined ||
          row.repository === wanted ||
          `${row.repository}:${row.tag}` === wanted,
      );
    if (flags.bool('quiet')) {
      say(stdout, [...new Set(rows.map((row) => row.id))].map((id) => `${id}\n`).join(''));
      return 0;
    }
    const shown = [
      'Repository',
      'Tag',
      ...(flags.bool('digests') ? ['Digest'] : []),
      'ID',
      'CreatedSince',
      'Size',
    ];
    say(stdout, formatListing(rows, imageColumns(workshop.now()), shown, flags.text('format')));
    return 0;
  },
};

const CUT = 45;

function cutText(text: string, whole: boolean): string {
  const line = text.replaceAll('\t', ' ');
  return whole || line.length <= CUT ? line : `${line.slice(0, CUT - 1)}…`;
}

export const historyCommand: Command = {
  names: ['history', 'image history'],
  usage: '[OPTIONS] IMAGE',
  summary: "Show an image's layers and how they came to be",
  flags: [
    FORMAT,
    { name: 'human', short: 'H', kind: 'bool', help: 'Sizes and times for people (default true)' },
    NO_TRUNC,
    QUIET,
  ],
  run: async (context) => {
    const { flags, env, stdout } = context;
    const [name = ''] = exactly(context, 1, 'stave history [OPTIONS] IMAGE');
    await using workshop = openWorkshop(undefined, env);
    const rows = imageHistory(name, workshop);
    const [whole, now] = [flags.bool('no-trunc'), workshop.now()];
    const human = flags.text('human') !== 'false';
    const idOf = (id: (typeof rows)[number]['id']): string =>
      id === undefined ? '<missing>' : whole ? id : shortId(id);
    if (flags.bool('quiet')) {
      say(stdout, rows.map((row) => `${idOf(row.id)}\n`).join(''));
      return 0;
    }
    const columns: Column<(typeof rows)[number]>[] = [
      { field: 'ID', header: 'IMAGE', value: (row) => idOf(row.id) },
      {
        field: 'CreatedSince',
        header: 'CREATED',
        value: (row) => (human ? since(row.created, now) : wholeSeconds(row.created)),
      },
      { field: 'CreatedAt', header: 'CREATED AT', value: (row) => wholeSeconds(row.created) },
      {
        field: 'CreatedBy',
        header: 'CREATED BY',
        value: (row) => cutText(row.created_by ?? '', whole),
      },
      {
        field: 'Size',
        header: 'SIZE',
        value: (row) => (human ? humanSize(row.sizeBytes) : String(row.sizeBytes)),
      },
      { field: 'Comment', header: 'COMMENT', value: (row) => row.comment ?? '' },
    ];
    say(
      stdout,
      formatListing(
        rows,
        columns,
        ['ID', 'CreatedSince', 'CreatedBy', 'Size', 'Comment'],
        flags.text('format'),
      ),
    );
    return 0;
  },
};

/** Prints what was found, then fails on the first that was not, as docker does. */
export async function inspectAll(
  context: CommandContext,
  find: (name: string) => Promise<Record<string, unknown>>,
): Promise<number> {
  const { flags, stdout } = context;
  const names = atLeastOne(context, 'stave inspect [OPTIONS] NAME...');
  const format = flags.text('format');
  const template = format === undefined || format === 'json' ? undefined : compileTemplate(format);
  const found: Record<string, unknown>[] = [];
  let failure: Error | undefined;
  for (const name of names) {
    try {
      found.push(await find(name));
    } catch (error) {
      failure ??= asError(error);
    }
  }
  if (template !== undefined) say(stdout, found.map((each) => `${template(each)}\n`).join(''));
  else if (format === 'json') say(stdout, `${JSON.stringify(found)}\n`);
  else say(stdout, `${JSON.stringify(found, null, 4)}\n`);
  if (failure !== undefined) throw failure;
  return 0;
}

export const INSPECT_FLAGS: readonly FlagSpec[] = [
  { name: 'format', short: 'f', kind: 'text', value: 'TEMPLATE', help: 'json or a Go template' },
];

export const inspectImageCommand: Command = {
  names: ['image inspect'],
  usage: '[OPTIONS] IMAGE...',
  summary: 'Show all that is known of images',
  flags: [...INSPECT_FLAGS, { name: 'platform', kind: 'text', help: '', later: true }],
  run: async (context) => {
    await using workshop = openWorkshop(undefined, context.env);
    return await inspectAll(context, (name) => Promise.resolve(inspectImage(name, workshop)));
  },
};

export const tagCommand: Command = {
  names: ['tag', 'image tag'],
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  summary: 'Give an image another name',
  flags: [],
  run: async (context) => {
    const [source = '', target = ''] = exactly(context, 2, 'stave tag SOURCE TARGET');
    await using workshop = openWorkshop(undefined, context.env);
    tagImage(source, target, workshop);
    return 0;
  },
};

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
    { name: 'no-prune', kind: 'bool', help: '', later: true },
    { name: 'platform', kind: 'text', help: '', later: true },
  ],
  run: async (context) => {
    const names = atLeastOne(context, 'stave rmi [OPTIONS] IMAGE...');
    await using workshop = openWorkshop(undefined, context.env);
    const { collectImages, needed } = await import('../../prune.js');
    const had = needed(workshop);
    let failure: Error | undefined;
    for (const name of names) {
      try {
        say(
          context.stdout,
          removeImage(name, context.flags.bool('force'), workshop)
            .map((line) => `${line}\n`)
            .join(''),
        );
      } catch (error) {
        failure ??= asError(error);
      }
    }
    await collectImages(had, workshop);
    if (failure !== undefined) throw failure;
    return 0;
  },
};
