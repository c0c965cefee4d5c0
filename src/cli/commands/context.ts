import { type ContextPath, explainPaths, listContext } from '../../context-report.js';
import { BuildError } from '../../model/error.js';
import { type Command, type CommandContext, say } from '../command.js';
import type { FlagSpec } from '../flags.js';
import { type Column, formatListing } from '../format/listing.js';
import { table } from '../format/table.js';
import { humanSize } from '../format/units.js';

const FILE: FlagSpec = {
  name: 'file',
  short: 'f',
  kind: 'text',
  value: 'FILE',
  help: 'The Dockerfile, whose own ignore file wins',
};
const FORMAT: FlagSpec = {
  name: 'format',
  kind: 'text',
  value: 'FORMAT',
  help: 'table, json, or a Go template a line',
};
/** Directories that are listed at the end as the biggest. */
const BIGGEST = 5;

const COLUMNS: readonly Column<ContextPath>[] = [
  { field: 'Path', header: 'PATH', value: ({ path, type }) => withSlash(path, type) },
  { field: 'Size', header: 'SIZE', value: ({ size }) => humanSize(size) },
  { field: 'Bytes', header: 'BYTES', value: ({ size }) => String(size) },
  { field: 'Type', header: 'TYPE', value: ({ type }) => type },
];

/** `context ls`: what is taken. */
export const contextListCommand: Command = {
  names: ['context ls'],
  usage: '[OPTIONS] [PATH]',
  summary: 'List what COPY . . would take of a build context',
  flags: [FILE, FORMAT],
  run: (context) => {
    const { flags, stdout } = context;
    const [path = '.', ...more] = flags.rest;
    if (more.length > 0)
      throw new BuildError('usage', '"stave context ls" takes one directory at most');
    const paths = listContext({ context: path, dockerfile: flags.text('file') });
    const files = paths.filter(({ type }) => type !== 'directory');
    const format = flags.text('format');
    say(stdout, formatListing(files, COLUMNS, ['Path', 'Size'], format));
    if (format === undefined) say(stdout, summary(paths, files));
    return Promise.resolve(0);
  },
};

function summary(paths: readonly ContextPath[], files: readonly ContextPath[]): string {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const count = `${String(files.length)} ${files.length === 1 ? 'file' : 'files'}`;
  const biggest = paths
    .filter(({ type }) => type === 'directory')
    .sort((a, b) => b.size - a.size || (a.path < b.path ? -1 : 1))
    .slice(0, BIGGEST);
  const rows = biggest.map(({ path, size, files: inside }) => [
    `${path}/`,
    humanSize(size),
    String(inside),
  ]);
  const directories =
    rows.length === 0 ? '' : `\n${table([['BIGGEST DIRECTORIES', 'SIZE', 'FILES'], ...rows])}`;
  return `${directories}\ntotal ${humanSize(total)} in ${count}\n`;
}

/** `context why`: in or out, and by which line. */
export const contextWhyCommand: Command = {
  names: ['context why'],
  usage: '[OPTIONS] PATH...',
  summary: 'Tell which line of the ignore file decides about a path',
  flags: [
    { name: 'context', kind: 'text', value: 'DIR', help: 'The build context (default: .)' },
    FILE,
    FORMAT,
  ],
  run: why,
};

function why({ flags, stdout }: CommandContext): Promise<number> {
  if (flags.rest.length === 0)
    throw new BuildError('usage', '"stave context why" requires at least 1 argument', {
      hint: 'a path as the ignore file writes it: stave context why node_modules',
    });
  const choice = { context: flags.text('context') ?? '.', dockerfile: flags.text('file') };
  const columns = [
    ...COLUMNS.map(({ field, header, value }): Column<Verdict> => ({ field, header, value })),
    {
      field: 'State',
      header: 'STATE',
      value: ({ included }: Verdict) => (included ? 'in' : 'out'),
    },
    { field: 'Rule', header: 'DECIDED BY', value: ({ rule }: Verdict) => rule ?? 'no rule' },
  ];
  const verdicts = explainPaths(flags.rest, choice);
  const shown = ['Path', 'State', 'Size', 'Rule'];
  say(stdout, formatListing(verdicts, columns, shown, flags.text('format')));
  return Promise.resolve(0);
}

type Verdict = ReturnType<typeof explainPaths>[number];

function withSlash(path: string, type: ContextPath['type']): string {
  return type === 'directory' ? `${path}/` : path;
}
