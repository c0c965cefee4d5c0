import { BuildError } from '../model/error.js';
import type { GitSpec, HttpSpec } from '../model/graph.js';
import { nearest } from '../model/nearest.js';
import { remoteSpec } from './add-sources.js';
import type { GlobalArgs } from './globals.js';
import type { CopyBody, Instruction } from './instruction.js';
import type { LowerOptions } from './lower-options.js';
import { at } from './placed.js';
import type { Stage } from './stages.js';
import { expandWord } from './words.js';

const NAME = 'SOURCE_DATE_EPOCH';
/** The end of year 9999: RFC 3339 writes no later time. */
const LAST = 253_402_300_799;

/** The build's time, and the arguments as steps see them: a number, or nothing. */
export interface ResolvedEpoch {
  readonly epoch: number | undefined;
  readonly globals: GlobalArgs;
  readonly buildArgs: Readonly<Record<string, string>>;
}

export interface EpochInput {
  readonly options: LowerOptions;
  readonly stages: readonly Stage[];
  readonly globals: GlobalArgs;
  readonly escape: string;
}

/**
 * SOURCE_DATE_EPOCH of the command line (empty switches it off), else of a global ARG: seconds, `context`, or the name
 * of a named context or of a stage that is one remote ADD on scratch. Throws BuildError `usage` on anything else.
 */
export async function resolveEpoch(input: EpochInput): Promise<ResolvedEpoch> {
  const { options, globals } = input;
  const value = options.buildArgs[NAME] ?? globals.get(NAME);
  if (value === undefined) return { epoch: undefined, globals, buildArgs: options.buildArgs };
  const epoch = value === '' ? undefined : await timeOf(value, input);
  const shown = epoch === undefined ? undefined : String(epoch);
  const buildArgs = Object.assign(Object.create(null) as Record<string, string>, options.buildArgs);
  if (shown === undefined) Reflect.deleteProperty(buildArgs, NAME);
  else if (NAME in buildArgs) buildArgs[NAME] = shown;
  return {
    epoch,
    globals: { ...globals, get: (name) => (name === NAME ? shown : globals.get(name)) },
    buildArgs,
  };
}

async function timeOf(value: string, input: EpochInput): Promise<number | undefined> {
  if (/^[+-]?\d+$/.test(value)) return inRange(Number(value), value);
  const seconds = await timeOfSource(value, input);
  return seconds === undefined ? undefined : inRange(seconds, `${value} is of ${String(seconds)}`);
}

async function timeOfSource(value: string, input: EpochInput): Promise<number | undefined> {
  const { options, stages } = input;
  if (value === 'context') return options.sourceTime?.({ kind: 'context' });
  if (options.namedContexts?.has(value) === true)
    return options.sourceTime?.({ kind: 'named-context', name: value });
  const stage = stages.find(({ name }) => name === value.toLowerCase());
  if (stage === undefined) throw invalid(value, stages);
  const op = at(() => addOf(stage, input), stage.from.range);
  return options.sourceTime?.({ kind: 'add', op, stage: value });
}

function inRange(seconds: number, shown: string): number {
  if (seconds >= 0 && seconds <= LAST) return seconds;
  throw new BuildError('usage', `invalid ${NAME}: ${shown}`, {
    hint: `seconds since 1970, at most ${String(LAST)}`,
  });
}

function invalid(value: string, stages: readonly Stage[]): BuildError {
  const names = stages.map(({ name }) => name).filter((name) => name !== undefined);
  const near = nearest(value, [...names, 'context']);
  return new BuildError('usage', `invalid ${NAME}: ${value}`, {
    hint:
      near === undefined
        ? 'give seconds since 1970 (date +%s), context, or the name of a stage or named context'
        : `did you mean ${near}?`,
  });
}

/** The source of a stage that is nothing but FROM scratch and one remote ADD. */
function addOf(stage: Stage, { globals, escape, options }: EpochInput): HttpSpec | GitSpec {
  const values = new Map<string, string>();
  const lookup = (name: string): string | undefined =>
    values.get(name) ?? (name === NAME ? undefined : globals.get(name));
  const expand = (word: string): string => expandWord(word, lookup, escape);
  if (expand(stage.from.base) !== 'scratch')
    throw refused(`${NAME} stage must use FROM scratch`, stage.from);
  const found: (HttpSpec | GitSpec | undefined)[] = [];
  for (const instruction of stage.body) {
    if (instruction.kind === 'arg') {
      for (const { name, value } of instruction.args) {
        const now = options.buildArgs[name] ?? (value === undefined ? undefined : expand(value));
        if (now !== undefined) values.set(name, now);
      }
    } else if (instruction.kind !== 'copy' || instruction.instruction !== 'ADD') {
      throw refused(`${NAME} stage may hold only ARG and one remote ADD`, instruction);
    } else found.push(...sourcesOf(instruction, expand));
  }
  const [op] = found;
  if (op === undefined || found.length > 1)
    throw refused(`${NAME} stage must contain exactly one remote ADD`, stage.from);
  return op;
}

/** What is not remote is undefined. */
function sourcesOf(
  instruction: CopyBody & Instruction,
  expand: (word: string) => string,
): (HttpSpec | GitSpec | undefined)[] {
  const checksum = instruction.checksum === undefined ? undefined : expand(instruction.checksum);
  const remote = instruction.sources.map((source) =>
    at(() => remoteSpec(expand(source), { checksum, body: instruction }), instruction.range),
  );
  return [...remote, ...instruction.heredocs.map(() => undefined)];
}

function refused(message: string, { range }: Pick<Instruction, 'range'>): BuildError {
  return new BuildError('syntax', message, { range, hint: `${NAME} names this stage` });
}
