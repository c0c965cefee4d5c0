import { clientSetting } from '../../client-config.js';
import { IMAGE_FILTERS, imageTree, listImages } from '../../image-list.js';
import { imageSize } from '../../images.js';
import { shortId } from '../../model/digest.js';
import { BuildError } from '../../model/error.js';
import { parseFilters } from '../../model/filters.js';
import { familiarRepository } from '../../model/reference.js';
import type { StoredImage } from '../../model/stored-image.js';
import { openWorkshop, type Workshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { imageTreeText } from '../format/image-tree.js';
import { type Column, formatListing } from '../format/listing.js';
import { goTime, humanSize, since } from '../format/units.js';
import { wrongCount } from './images.js';
import { FORMAT, NO_TRUNC, QUIET } from './listing-flags.js';

interface ImageRow {
  readonly id: string;
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
    created: image.config.created,
    size: imageSize(image, workshop),
  };
  if (image.references.length === 0)
    return [{ ...base, repository: '<none>', tag: '<none>', digest: '<none>' }];
  return image.references.map((reference) => {
    const repository = familiarRepository(reference);
    const pulled = image.pulled.find((each) => familiarRepository(each) === repository);
    const digest = pulled?.digest ?? '<none>';
    return { ...base, repository, tag: reference.tag ?? '<none>', digest };
  });
}

export const listCommand: Command = {
  names: ['images', 'image ls', 'image list'],
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  summary: 'List images',
  flags: [
    { name: 'all', short: 'a', kind: 'bool', help: 'In a tree, also images without a name' },
    { name: 'digests', kind: 'bool', help: 'Show digests' },
    {
      name: 'filter',
      short: 'f',
      kind: 'list',
      value: 'KEY=VALUE',
      help: `Only those that match: ${IMAGE_FILTERS.join(', ')}`,
    },
    FORMAT,
    NO_TRUNC,
    QUIET,
    { name: 'tree', kind: 'bool', help: 'As a tree of their platforms, with disk usage' },
  ],
  run: async (context) => {
    const { flags, env, stdout, stderr } = context;
    checkTree(context);
    const name = nameOf(context);
    const given = [...flags.list('filter'), ...(name === undefined ? [] : [`reference=${name}`])];
    const filters = parseFilters(given, IMAGE_FILTERS);
    await using workshop = openWorkshop(undefined, env);
    const images = listImages(filters, workshop);
    const own = flags.bool('quiet') || flags.bool('tree') ? undefined : clientFormat(context);
    const format = flags.text('format') ?? own;
    if (wantsTree(context, format)) {
      const hidden = !flags.bool('all') && !filters.has('dangling');
      const shown = hidden ? images.filter(({ references }) => references.length > 0) : images;
      say(stdout, treeText(shown, context, workshop));
    } else say(stdout, tableText(images, format, context, workshop));
    if (images.length === 0 && name !== undefined && SUBCOMMANDS.includes(name))
      say(stderr, `No images found matching "${name}": did you mean "stave image ${name}"?\n`);
    return 0;
  },
};

/** Of `image`: who writes one after `images` most likely means it. */
const SUBCOMMANDS = ['build', 'history', 'import', 'inspect', 'list', 'load', 'ls', 'prune'].concat(
  ['pull', 'push', 'rm', 'save', 'tag'],
);

function nameOf(context: CommandContext): string | undefined {
  const [wanted, ...more] = context.flags.rest;
  if (more.length === 0) return wanted;
  const usage = 'stave images [OPTIONS] [REPOSITORY[:TAG]]';
  const meant = wanted === undefined || !SUBCOMMANDS.includes(wanted) ? undefined : wanted;
  const hint =
    meant === undefined
      ? `usage: ${usage}`
      : `did you mean stave image ${meant} ${more.join(' ')}?`;
  throw wrongCount(context, 'at most 1 argument', usage, hint);
}

const NOT_IN_TREES = ['quiet', 'no-trunc', 'digests'];

function checkTree({ flags }: CommandContext): void {
  if (!flags.bool('tree')) return;
  const other = NOT_IN_TREES.find((name) => flags.bool(name));
  const wrong = other ?? (flags.text('format') === undefined ? undefined : 'format');
  if (wrong === undefined) return;
  throw new BuildError('usage', `--${wrong} is not yet supported with --tree`, {
    hint: 'leave one of them out',
  });
}

function clientFormat({ env }: CommandContext): string | undefined {
  return clientSetting('imagesFormat', env);
}

/** docker's rule: on a terminal, when nothing asks for the table. */
function wantsTree({ flags, stdout }: CommandContext, format: string | undefined): boolean {
  if (flags.bool('tree')) return true;
  return stdout.isTTY && format === undefined && !NOT_IN_TREES.some((name) => flags.bool(name));
}

function treeText(
  images: readonly StoredImage[],
  { flags, stdout, env }: CommandContext,
  workshop: Workshop,
): string {
  const color = stdout.isTTY && (env['NO_COLOR'] ?? '') === '';
  const width = stdout.isTTY && stdout.columns > 0 ? stdout.columns : undefined;
  const trees = images.map((image) => imageTree(image, workshop));
  return imageTreeText(trees, { expanded: flags.bool('tree'), width, color });
}

const RAW = [
  ['repository', 'Repository'],
  ['tag', 'Tag'],
  ['digest', 'Digest'],
  ['image_id', 'ID'],
  ['created_at', 'CreatedAt'],
  ['virtual_size', 'Size'],
] as const;

function tableText(
  images: readonly StoredImage[],
  format: string | undefined,
  { flags }: CommandContext,
  workshop: Workshop,
): string {
  const [whole, digests] = [flags.bool('no-trunc'), flags.bool('digests')];
  const rows = images.flatMap((image) => rowsOf(image, whole, workshop));
  const plain = format === undefined || format === 'table';
  if (flags.bool('quiet') && plain) return rows.map(({ id }) => `${id}\n`).join('');
  const fields = ['Repository', 'Tag', 'Digest', 'ID', 'CreatedSince', 'Size'];
  const shown = fields.filter((field) => digests || field !== 'Digest');
  const raw = RAW.filter(([, field]) => digests || field !== 'Digest');
  return formatListing(rows, imageColumns(workshop.now()), shown, { format, raw });
}
