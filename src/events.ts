import { type FSWatcher, watch } from 'node:fs';
import type { EngineEvent } from './model/engine-event.js';
import { matchesEvent } from './model/event-filters.js';
import type { Filters } from './model/filters.js';
import type { Workshop } from './workshop.js';

export interface EventsOptions {
  readonly filters: Filters;
  /** Milliseconds since the epoch; without both there is no past. */
  readonly since?: number;
  /** Absent: without end. */
  readonly until?: number;
}

/** What happened, then what happens, until `until` or the signal, in order. */
export async function* engineEvents(
  { filters, since, until }: EventsOptions,
  workshop: Workshop,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  const past = since !== undefined || until !== undefined;
  const wanted = (event: EngineEvent): boolean =>
    event.timeUs >= (since ?? 0) * 1e3 &&
    event.timeUs <= (until ?? Infinity) * 1e3 &&
    matchesEvent(event, filters);
  // Who ended unseen is settled now, and in the journal.
  workshop.containers.list();
  using changes = watchJournal(workshop, { until, signal });
  using reader = workshop.journal.open();
  const first = reader.next();
  // A container's end is written when it is seen: later than it was.
  if (past) yield* [...first].sort((a, b) => a.timeUs - b.timeUs).filter(wanted);
  while (await changes.next()) yield* reader.next().filter(wanted);
}

interface Changes extends Disposable {
  /** Waits for one; false when it is over. */
  readonly next: () => Promise<boolean>;
}

/** Nobody may look at containers while we wait: their ends are seen by what their monitors write, or once in a while. */
const LOOK_MS = 5000;

/** Wakes up when the journal changes, which it does here when a container ends. */
function watchJournal(
  workshop: Workshop,
  { until, signal }: { readonly until: number | undefined; readonly signal: AbortSignal },
): Changes {
  let wake = (): void => undefined;
  let changed = true;
  let over = false;
  const notice = (): void => {
    changed = true;
    wake();
  };
  const end = (): void => {
    over = true;
    wake();
  };
  const journal = openWatch(workshop, notice);
  const ends = watchEnds(workshop);
  const look = setInterval(() => {
    ends.look();
  }, LOOK_MS);
  const left = until === undefined ? undefined : Math.max(0, until - workshop.now());
  const timer = left === undefined ? undefined : setTimeout(end, Math.min(left, 2 ** 31 - 1));
  signal.addEventListener('abort', end, { once: true });
  return {
    next: async () => {
      while (!changed && !over) await new Promise<void>((resolve) => (wake = resolve));
      changed = false;
      ends.look();
      return !over;
    },
    [Symbol.dispose]: () => {
      journal.close();
      ends[Symbol.dispose]();
      clearInterval(look);
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    },
  };
}

function openWatch({ journal }: Workshop, notice: () => void): FSWatcher {
  journal.open()[Symbol.dispose](); // Makes the directory.
  return watch(journal.directory, (_, name) => {
    if (name !== 'lock') notice();
  });
}

interface Ends extends Disposable {
  /** Settles what ended, and watches what began. */
  readonly look: () => void;
}

/** A monitor writes a container's exit code into a directory of its own for each life. */
function watchEnds({ containers }: Workshop): Ends {
  const watchers = new Map<string, FSWatcher>();
  const look = (): void => {
    const lives = new Map<string, string>();
    for (const { id, status, started = '' } of containers.list())
      if (status === 'running' || status === 'paused') lives.set(`${id} ${started}`, id);
    for (const [life, watcher] of watchers) {
      if (lives.has(life)) continue;
      watcher.close();
      watchers.delete(life);
    }
    let fresh = false;
    for (const [life, id] of lives) {
      if (watchers.has(life)) continue;
      fresh = true;
      watchers.set(life, watch(containers.path(id, 'exit'), look));
    }
    // One that ended just before it was watched.
    if (fresh) look();
  };
  look();
  return {
    look,
    [Symbol.dispose]: () => {
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}
