import { findBuild } from '../../build-history.js';
import type { BuildRecord } from '../../model/build-record.js';
import { stepsOf } from '../../model/build-report.js';
import type { BuildStep } from '../../model/build-steps.js';
import type { Digest } from '../../model/digest.js';
import { BuildError } from '../../model/error.js';
import type { BuildEvent } from '../../model/events.js';
import { nearest } from '../../model/nearest.js';
import { selectSteps } from '../../model/select-steps.js';
import { printEvents, type ProgressMode } from '../../ui/print-events.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext } from '../command.js';
import { BUILDER } from './history.js';
import { atMostOneBuild } from './history-inspect.js';

const MODES = ['plain', 'rawjson', 'tty', 'auto', 'raw'] as const;
type Mode = (typeof MODES)[number];

export const buildLogsCommand: Command = {
  names: ['history logs', 'buildx history logs'],
  usage: '[OPTIONS] [BUILD]',
  summary: 'Show what a build said, by default the last',
  flags: [
    BUILDER,
    {
      name: 'progress',
      kind: 'text',
      value: 'MODE',
      help: 'plain (default), rawjson, tty; raw: bytes of steps',
    },
    {
      name: 'step',
      kind: 'list',
      value: 'STEP',
      help: 'Only of this: #5, [2/5], "builder 2/5" or a part of its text; repeatable',
    },
  ],
  run: async (context) => {
    const { flags, env, stdout } = context;
    const wanted = atMostOneBuild(context, 'stave history logs [OPTIONS] [BUILD]');
    const mode = modeOf(flags.text('progress') ?? 'plain');
    await using workshop = openWorkshop(undefined, env);
    const record = findBuild(wanted, workshop);
    const steps = stepsOf(record);
    const events = chosenEvents(record, flags.list('step'), steps);
    if (mode === 'raw') await writeBytes(events, context);
    else {
      const numbers = new Map(steps.map(({ vertex, number }) => [vertex, number]));
      await printEvents(later(events), { mode: progressOf(mode), stream: stdout, env, numbers });
    }
    return 0;
  },
};

function modeOf(text: string): Mode {
  const mode = MODES.find((each) => each === text);
  if (mode !== undefined) return mode;
  const near = nearest(text, MODES);
  const hint = near === undefined ? `use one of ${MODES.join(', ')}` : `did you mean ${near}?`;
  throw new BuildError('usage', `invalid --progress ${JSON.stringify(text)}`, { hint });
}

/** What is over needs no screen that moves. */
function progressOf(mode: Exclude<Mode, 'raw'>): ProgressMode {
  return mode === 'auto' ? 'plain' : mode;
}

function chosenEvents(
  record: BuildRecord,
  wanted: readonly string[],
  steps: readonly BuildStep[],
): Iterable<BuildEvent> {
  if (wanted.length === 0) return record.events();
  const chosen = new Set(wanted.flatMap((each) => chooseSteps(each, steps)).map(vertexOf));
  return only(record, chosen);
}

function vertexOf({ vertex }: BuildStep): Digest {
  return vertex;
}

function* only(record: BuildRecord, chosen: ReadonlySet<Digest>): Generator<BuildEvent> {
  for (const event of record.events())
    if (event.vertex !== undefined && chosen.has(event.vertex)) yield event;
}

/** Throws BuildError `not-found` when it is none of the build's. */
export function chooseSteps(wanted: string, steps: readonly BuildStep[]): readonly BuildStep[] {
  const chosen = selectSteps(wanted, steps);
  if (chosen.length > 0) return chosen;
  const names = steps.flatMap(({ name }) => [name, name.replace(/^\[[^\]]*\] */, '')]);
  const near = nearest(wanted, names);
  throw new BuildError('not-found', `no step of the build is ${JSON.stringify(wanted)}`, {
    hint:
      near === undefined ? 'stave why lists its steps' : `did you mean ${JSON.stringify(near)}?`,
  });
}

// eslint-disable-next-line @typescript-eslint/require-await -- what is kept is printed as what happens
async function* later(events: Iterable<BuildEvent>): AsyncGenerator<BuildEvent> {
  yield* events;
}

/** As the steps wrote them: the rest of the world waits, not memory. */
async function writeBytes(
  events: Iterable<BuildEvent>,
  { stdout, signal }: CommandContext,
): Promise<void> {
  for (const event of events) {
    if (event.type !== 'log') continue;
    signal.throwIfAborted();
    if (!stdout.write(event.data)) await new Promise((resolve) => stdout.once('drain', resolve));
  }
}
