import type { ImageSpace, ImageTree } from '../../image-list.js';
import { shortId } from '../../model/digest.js';
import { humanSize } from './units.js';

export interface TreeStyle {
  /** With each platform of an image, and all names of an image together. */
  readonly expanded: boolean;
  /** Of the terminal; undefined: none. */
  readonly width?: number | undefined;
  readonly color: boolean;
}

interface Column {
  readonly title: string;
  readonly width: number;
  readonly right?: boolean;
  readonly value: (space: ImageSpace) => string;
}

const UNTAGGED = '<untagged>';
const GAP = '   ';
/** docker's chip of an image that containers use. */
const CHIP = '\x1b[38;5;0m\x1b[48;5;14m U \x1b[0m';

/** docker's tree of images (`image ls --tree`, and without it on a terminal, collapsed). */
export function imageTreeText(trees: readonly ImageTree[], style: TreeStyle): string {
  const rows = style.expanded
    ? trees.map((tree) => ({ ...tree, names: tree.names.toSorted() }))
    : trees.flatMap((tree) =>
        (tree.names.length === 0 ? [[]] : tree.names.map((name) => [name])).map((names) => ({
          ...tree,
          names,
          platforms: [],
        })),
      );
  const sorted = rows.toSorted((a, b) => compare(a.names[0], b.names[0]));
  const [first, columns] = fit(sorted, columnsOf(trees, style), style);
  const paint = painter(style);
  const spaced = sorted.some(({ platforms }) => platforms.length > 0);
  const head = ['IMAGE'.padEnd(first), ...columns.map(headOf)].map((text) => paint(text, 'title'));
  const legend = style.width === undefined ? '' : `${legendOf(style, style.width)}\n`;
  const body = sorted.map(
    (row) => `${blockOf(row, { first, columns, paint })}${spaced ? '\n' : ''}`,
  );
  return `${legend}${head.join(GAP)}\n${body.join('')}`;
}

function compare(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return a < b ? -1 : a > b ? 1 : 0;
}

function columnsOf(trees: readonly ImageTree[], { color }: TreeStyle): readonly Column[] {
  const used = trees.some(({ inUse }) => inUse);
  const [chip, blank] = color ? [CHIP, '   '] : ['U', ' '];
  return [
    { title: 'ID', width: 12, value: ({ id }) => shortId(id) },
    {
      title: 'DISK USAGE',
      width: 10,
      right: true,
      value: ({ diskBytes }) => humanSize(diskBytes),
    },
    {
      title: 'CONTENT SIZE',
      width: 12,
      right: true,
      value: ({ contentBytes }) => humanSize(contentBytes),
    },
    { title: 'EXTRA', width: 5, value: ({ inUse }) => (used ? (inUse ? chip : blank) : '') },
  ];
}

/** The names get what they need; what a narrow terminal has no room for is left out, from the right. */
function fit(
  rows: readonly ImageTree[],
  columns: readonly Column[],
  { width }: TreeStyle,
): readonly [number, readonly Column[]] {
  const widest = Math.max(
    'IMAGE'.length,
    ...rows.flatMap(({ names, platforms }) => [
      ...(names.length === 0 ? [UNTAGGED] : names).map((name) => name.length),
      ...platforms.map(({ platform }) => platform.length + 3),
    ]),
  );
  if (width === undefined) return [widest, columns];
  let left = Math.max(width, 20);
  let shown = 0;
  for (const column of columns) {
    if (left - column.width - GAP.length < 12) break;
    left -= column.width + GAP.length;
    shown++;
  }
  return [Math.min(left, widest), columns.slice(0, shown)];
}

type Part = 'title' | 'name' | 'untagged' | 'absent';

const COLORS: Readonly<Record<Part, string>> = {
  title: '\x1b[1m',
  name: '\x1b[34;1m',
  untagged: '\x1b[2m',
  absent: '\x1b[2m',
};

function painter({ color }: TreeStyle): (text: string, part: Part) => string {
  return (text, part) => (color ? `${COLORS[part]}${text}\x1b[0m` : text);
}

interface Layout {
  readonly first: number;
  readonly columns: readonly Column[];
  readonly paint: (text: string, part: Part) => string;
}

function blockOf({ names, platforms, ...space }: ImageTree, layout: Layout): string {
  const { first, columns, paint } = layout;
  const shown = names.length === 0 ? [UNTAGGED] : names;
  const part = names.length === 0 ? 'untagged' : 'name';
  const last = shown.at(-1) ?? '';
  const above = shown.slice(0, -1).map((name) => `${paint(name, part)}\n`);
  // A name that is too long has a line of its own.
  const fill = ' '.repeat(Math.max(0, first - last.length));
  const lead = `${paint(last, part)}${last.length > first ? `\n${' '.repeat(first)}` : fill}`;
  const lines = platforms.map((each, i) => {
    const branch = i === platforms.length - 1 ? '└─ ' : '├─ ';
    const line = [`${branch}${each.platform}`.padEnd(first), ...cells(each, columns)].join(GAP);
    return `${each.available ? line : paint(line, 'absent')}\n`;
  });
  return `${above.join('')}${[lead, ...cells(space, columns)].join(GAP)}\n${lines.join('')}`;
}

function cells(space: ImageSpace, columns: readonly Column[]): readonly string[] {
  return columns.map(({ width, right, value }) => {
    const text = value(space);
    const fill = ' '.repeat(Math.max(0, width - (text === CHIP ? 3 : text.length)));
    return right === true ? `${fill}${text}` : `${text}${fill}`;
  });
}

function headOf({ title, width, right }: Column): string {
  return right === true ? title.padStart(width) : title.padEnd(width);
}

/** At the right edge. */
function legendOf({ color }: TreeStyle, width: number): string {
  const plain = ' Info ->  U In Use';
  if (!color) return plain.padStart(width);
  const text = `\x1b[1m\x1b[106m\x1b[30mi\x1b[0m \x1b[96mInfo → \x1b[0m ${CHIP} In Use`;
  return `${' '.repeat(Math.max(0, width - 'i Info →   U  In Use'.length))}${text}`;
}
