import { parseTable, printTable } from './table.js';

/** What differs from run to run and from machine to machine, and what stands for it; docs/labs.md tells them. */
export const RULES = [
  'IDs and digests are numbered as they appear: `1d0000000001`, with `…` if it was shown in full.',
  'Names that nobody gave are `random_name1`, `random_name2`, …',
  'Times are `<time>`, sizes from 1 kB on `<size>`, versions of programs `<version>`.',
  'Of what a pull shows of a layer, the last line remains; of `ls -l`, mode, owner and name.',
  'The published port is a free one, shown as `8080`.',
  '`[…]` stands for what package managers and builds print.',
];

export interface LabFacts {
  readonly script: string;
  readonly port: string;
}

/** One for each lab: the same ID has the same number all over it. */
export class Normaliser {
  readonly #ids = new Map<string, string>();
  readonly #names = new Map<string, string>();
  readonly #facts: LabFacts;

  constructor(facts: LabFacts) {
    this.#facts = facts;
  }

  text(output: string): string {
    return inTables(lastOfEachLayer(output), {
      rows: ([header = [], ...rows]) => {
        const names = header.indexOf('NAMES');
        for (const row of rows) this.#name(row[names] ?? '');
      },
      words: (text) => this.#words(text),
    });
  }

  /** Names in the script were given by somebody. */
  #name(name: string): void {
    const given = this.#facts.script.includes(name) || this.#names.has(name);
    if (given || !/^[a-z]+_[a-z]+\d?$/.test(name)) return;
    this.#names.set(name, `random_name${String(this.#names.size + 1)}`);
  }

  #words(text: string): string {
    return text
      .replaceAll(/\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b/g, (id) => this.#id(id))
      .replaceAll(/\b[a-z]+_[a-z]+\d?\b/g, (name) => this.#names.get(name) ?? name)
      .replaceAll(/((?:root@\S+:\S*|\/\S* )# )\1+/g, '$1') // As often as the terminal's size was set.
      .replaceAll(this.#facts.port, '8080')
      .replaceAll(
        /\b(?:\d+|About an?|Less than a) (?:second|minute|hour|day|week|month|year)s? ago/g,
        '<time> ago',
      )
      .replaceAll(/\bUp (?:\d+|About an?|Less than a) (?:second|minute|hour)s?/g, 'Up <time>')
      .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
      .replaceAll(/^(Python) 3.*( on linux)$/gm, '$1 <version>$2')
      .replaceAll(/^(BusyBox) v.*( built-in shell)/gm, '$1 <version>$2')
      .replaceAll(/^([a-z-][-rwxsStT]{9}) +\d+ +(\S+ +\S+) .* (\S+)$/gm, '$1 $2 $3');
  }

  #id(id: string): string {
    const short = id.slice(0, 12);
    const known = this.#ids.get(short) ?? `1d${String(this.#ids.size + 1).padStart(10, '0')}`;
    this.#ids.set(short, known);
    return id.length > 12 ? `${known}…` : known;
  }
}

/** For the document: a size that depends on the packages of the day says nothing. */
export function withoutSizes(output: string): string {
  return inTables(output, {
    words: (text) =>
      text
        .replaceAll(/\b\d+(?:\.\d+)?(?:kB|MB|GB)\b/g, '<size>')
        .replaceAll(/("size": )\d+/gi, '$1<size>'),
  });
}

/** What only tells docker from stave, and what a docker prints that runs elsewhere: to compare the two. */
export function comparable(output: string): string {
  return inTables(output.replaceAll(/\n\nhint: .*$/gm, ''), {
    words: (text) =>
      text
        .replaceAll(
          /^(?:ERROR|docker: Error response from daemon|Error response from daemon|Error): /gm,
          '',
        )
        .replaceAll(/^See '.* --help'\.?\n/gm, '')
        .replaceAll(/root@[^\s:]+:/g, 'root@<id>:')
        .replaceAll(/\b\d{3}MB/g, '<size>') // The cache of apt-get is never the same.
        .replaceAll(/\b1d\d{10}\b/g, '<id>')
        .replaceAll(/random_name\d+/g, '<name>'),
  });
}

/** Changes words without pulling tables apart: each cell by itself. */
function inTables(
  output: string,
  change: {
    readonly words: (text: string) => string;
    readonly rows?: (rows: readonly (readonly string[])[]) => void;
  },
): string {
  const part = (text: string): string => {
    const rows = parseTable(text.trimEnd().split('\n'));
    if (rows === undefined) return change.words(text);
    change.rows?.(rows);
    const end = text.endsWith('\n') ? '\n' : '';
    return printTable(rows.map((row) => row.map(change.words))).join('\n') + end;
  };
  return output
    .split(/(?<=\n)(?=\n|[A-Z]{4,}.* {3}[A-Z])/)
    .map(part)
    .join('');
}

const LAYER = /^([0-9a-f]{12}: )[A-Z][\w ]+$/;

/** Layers are pulled side by side: the last line of each, in the order in which they began. */
function lastOfEachLayer(output: string): string {
  const last = new Map<string, string>();
  const kept = output.split('\n').filter((line) => {
    const layer = LAYER.exec(line)?.[1];
    const isFirst = layer === undefined || !last.has(layer);
    if (layer !== undefined) last.set(layer, line);
    return isFirst;
  });
  return kept.map((line) => last.get(LAYER.exec(line)?.[1] ?? '') ?? line).join('\n');
}
