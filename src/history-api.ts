import { findBuild, listBuilds, removeBuild } from './build-history.js';
import type { BuildRecord, BuildSummary } from './model/build-record.js';
import { buildReport, type BuildReport, stepsOf } from './model/build-report.js';
import { buildTrace, type Trace } from './model/build-trace.js';
import type { BuildEvent } from './model/events.js';
import { openWorkshop, type Workshop } from './workshop.js';

export interface HistoryOptions {
  /** Store root; default as `build` has it. */
  readonly root?: string;
}

/** What is kept of the last builds. */
export interface BuildHistory {
  /** The newest first. */
  readonly list: (options?: HistoryOptions) => Promise<readonly BuildSummary[]>;
  /**
   * All that is known of one but its output. It is named by its id or the beginning of one, `^1` (the last but one), or a
   * name its image got; without any it is the last one. Rejects with BuildError `not-found`, and `usage` when it means
   * several.
   */
  readonly inspect: (build?: string, options?: HistoryOptions) => Promise<BuildReport>;
  /** The events as `build` gave them, every byte of the logs among them; read from the disk as they are asked for. */
  readonly events: (build?: string, options?: HistoryOptions) => AsyncIterable<BuildEvent>;
  /** In Chrome's trace event format: JSON of it opens in ui.perfetto.dev. */
  readonly trace: (build?: string, options?: HistoryOptions) => Promise<Trace>;
  /** Forgets one; its image and cache stay. Gives its id. Rejects with BuildError `conflict` while it runs. */
  readonly remove: (build: string, options?: HistoryOptions) => Promise<string>;
}

/** What is kept of the last builds: in this process, from the store's files. */
export const history: BuildHistory = {
  list: (options) => inStore(options, listBuilds),
  inspect: (build, options) =>
    inStore(options, (workshop) => buildReport(findBuild(build, workshop), workshop.now())),
  events: async function* (build, options) {
    await using workshop = open(options);
    yield* findBuild(build, workshop).events();
  },
  trace: (build, options) =>
    inStore(options, (workshop) => traceOf(findBuild(build, workshop), workshop.now())),
  remove: (build, options) => inStore(options, (workshop) => removeBuild(build, workshop)),
};

function traceOf(record: BuildRecord, now: number): Trace {
  const { facts, status, seen } = record;
  const ended = status === 'running' ? now : seen;
  return buildTrace(stepsOf(record), { started: facts.started, ended, status, facts });
}

function open(options: HistoryOptions | undefined): Workshop {
  return openWorkshop(options?.root, process.env);
}

async function inStore<T>(
  options: HistoryOptions | undefined,
  work: (workshop: Workshop) => T,
): Promise<T> {
  await using workshop = open(options);
  return work(workshop);
}
