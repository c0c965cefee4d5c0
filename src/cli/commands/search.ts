import { BuildError } from '../../model/error.js';
import { parseFilters } from '../../model/filters.js';
import { type FoundImage, SEARCH_FILTERS, searchImages } from '../../search.js';
import { escapeControls } from '../../ui/escape.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { type Column, formatListing } from '../format/listing.js';
import { exactly, quietScope } from './images.js';

const USAGE = 'stave search [OPTIONS] TERM';
const [LIMIT, MOST] = [25, 100];

export const searchCommand: Command = {
  names: ['search', 'image search'],
  usage: '[OPTIONS] TERM',
  summary: 'Search a registry for images (of docker.io, or HOST/TERM)',
  flags: [
    { name: 'filter', short: 'f', kind: 'list', value: 'KEY=VALUE', help: 'is-official=, stars=' },
    { name: 'format', kind: 'text', value: 'TEMPLATE', help: 'table, json or a Go template' },
    { name: 'limit', kind: 'text', value: 'N', help: 'At most so many (default 25, up to 100)' },
    { name: 'no-trunc', kind: 'bool', help: 'Do not cut anything' },
  ],
  run: async (context) => {
    const [term = ''] = exactly(context, 1, USAGE);
    const { flags, env, stdout, signal } = context;
    const options = { limit: limitOf(context), filters: filtersOf(context) };
    await using workshop = openWorkshop(undefined, env);
    const found = await searchImages(term, options, workshop, quietScope(signal));
    const shown = ['Name', 'Description', 'StarCount', 'IsOfficial'];
    say(stdout, formatListing(found, columns(flags.bool('no-trunc')), shown, flags.text('format')));
    return 0;
  },
};

function limitOf({ flags }: CommandContext): number {
  const text = flags.text('limit') ?? '0';
  if (!/^-?\d{1,9}$/.test(text))
    throw new BuildError('usage', `invalid argument ${JSON.stringify(text)} for "--limit" flag`);
  const limit = Number(text);
  if (limit === 0) return LIMIT;
  if (limit >= 1 && limit <= MOST) return limit;
  throw new BuildError('usage', `limit ${text} is outside the range of [1, ${String(MOST)}]`);
}

function filtersOf({ flags }: CommandContext) {
  const filters = parseFilters(flags.list('filter'), SEARCH_FILTERS);
  for (const [key, values] of filters) {
    const valid = key === 'stars' ? /^\d+$/ : /^(true|false|1|0|t|f)$/i;
    const wrong = values.find((value) => !valid.test(value));
    if (wrong !== undefined) throw new BuildError('usage', `invalid filter '${key}=${wrong}'`);
  }
  return filters;
}

const WIDTH = 45;

/** What a registry says of an image is anybody's text. */
function columns(whole: boolean): readonly Column<FoundImage>[] {
  const mark = (is: boolean): string => (is ? '[OK]' : '');
  return [
    { field: 'Name', header: 'NAME', value: ({ name }) => escapeControls(name) },
    {
      field: 'Description',
      header: 'DESCRIPTION',
      value: ({ description }) => cut(escapeControls(description.replace(/[\r\n]/g, ' ')), whole),
    },
    { field: 'StarCount', header: 'STARS', value: ({ stars }) => String(stars) },
    { field: 'IsOfficial', header: 'OFFICIAL', value: ({ official }) => mark(official) },
    { field: 'IsAutomated', header: 'AUTOMATED', value: ({ automated }) => mark(automated) },
  ];
}

function cut(text: string, whole: boolean): string {
  const characters = Array.from(text);
  return whole || characters.length <= WIDTH ? text : `${characters.slice(0, WIDTH - 1).join('')}…`;
}
