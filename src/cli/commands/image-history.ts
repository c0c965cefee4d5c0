import { imageHistory } from '../../images.js';
import { shortId } from '../../model/digest.js';
import { imageFor } from '../../platform-image.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { type Column, formatListing } from '../format/listing.js';
import { humanSize, since, wholeSeconds } from '../format/units.js';
import { exactly, IMAGE_PLATFORM } from './images.js';
import { FORMAT, NO_TRUNC, QUIET } from './listing-flags.js';

type Row = ReturnType<typeof imageHistory>[number];

export const historyCommand: Command = {
  names: ['history', 'image history'],
  usage: '[OPTIONS] IMAGE',
  summary: "Show an image's layers and how they came to be",
  flags: [
    FORMAT,
    { name: 'human', short: 'H', kind: 'bool', help: 'Sizes and times for people (default true)' },
    NO_TRUNC,
    IMAGE_PLATFORM,
    QUIET,
  ],
  run: async (context) => {
    const { flags, env, stdout } = context;
    const [name = ''] = exactly(context, 1, 'stave history [OPTIONS] IMAGE');
    await using workshop = openWorkshop(undefined, env);
    const rows = imageHistory(imageFor(name, flags.text('platform'), workshop), workshop);
    const columns = columnsOf(context, workshop.now());
    const format = flags.text('format') ?? (flags.bool('quiet') ? '{{.ID}}' : undefined);
    const shown = ['ID', 'CreatedSince', 'CreatedBy', 'Size', 'Comment'];
    say(stdout, formatListing(rows, columns, shown, format));
    return 0;
  },
};

function columnsOf({ flags }: CommandContext, now: number): readonly Column<Row>[] {
  const whole = flags.bool('no-trunc');
  const human = flags.text('human') !== 'false';
  const idOf = ({ id }: Row): string => (id === undefined ? '<missing>' : whole ? id : shortId(id));
  return [
    { field: 'ID', header: 'IMAGE', value: idOf },
    {
      field: 'CreatedSince',
      header: human ? 'CREATED' : 'CREATED AT',
      value: ({ created }) => (human ? since(created, now) : wholeSeconds(created)),
    },
    { field: 'CreatedAt', header: 'CREATED AT', value: ({ created }) => wholeSeconds(created) },
    {
      field: 'CreatedBy',
      header: 'CREATED BY',
      value: (row) => cutText(row.created_by ?? '', whole),
    },
    {
      field: 'Size',
      header: 'SIZE',
      value: ({ sizeBytes }) => (human ? humanSize(sizeBytes) : String(sizeBytes)),
    },
    { field: 'Comment', header: 'COMMENT', value: (row) => row.comment ?? '' },
  ];
}

const CUT = 45;

function cutText(text: string, whole: boolean): string {
  const line = Array.from(text.replaceAll('\t', ' '));
  return whole || line.length <= CUT ? line.join('') : `${line.slice(0, CUT - 1).join('')}…`;
}
