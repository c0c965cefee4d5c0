/** Work that nobody waits for, kept until there is nothing better to do. What is never done goes with the lease. */
export interface Chores {
  readonly add: (work: () => void) => void;
  readonly run: () => void;
}

export function createChores(): Chores {
  let waiting: (() => void)[] = [];
  return {
    add: (work) => void waiting.push(work),
    run: () => {
      const now = waiting;
      waiting = [];
      for (const work of now) work();
    },
  };
}
