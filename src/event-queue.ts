import type { BuildEvent } from './model/events.js';

/** Events between the engine, which never waits, and one reader, which may. Unread events are kept. */
export interface EventQueue {
  readonly push: (event: BuildEvent) => void;
  readonly end: () => void;
  readonly events: AsyncIterable<BuildEvent>;
}

export function createEventQueue(): EventQueue {
  let waiting: BuildEvent[] = [];
  let ended = false;
  let wake: (() => void) | undefined;
  const stir = (): void => {
    wake?.();
    wake = undefined;
  };
  async function* drain(): AsyncGenerator<BuildEvent> {
    for (;;) {
      const batch = waiting;
      waiting = [];
      yield* batch;
      if (waiting.length > 0) continue;
      if (ended) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  return {
    push: (event) => {
      waiting.push(event);
      stir();
    },
    end: () => {
      ended = true;
      stir();
    },
    events: drain(),
  };
}
