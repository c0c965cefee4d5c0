import { Worker } from 'node:worker_threads';

export interface WorkerData {
  readonly seed: number;
}

/** From the worker: the input that begins now, or one that failed. */
export type Report =
  | { readonly kind: 'next'; readonly target: string; readonly input: string }
  | {
      readonly kind: 'failed';
      readonly target: string;
      readonly input: string;
      readonly why: string;
    };

export interface WatchOptions extends WorkerData {
  /** The compiled worker. */
  readonly worker: string;
  readonly minutes: number;
}

const HANG_MS = 120_000;

/** Lets a worker fuzz for so long. Prints each failure with its input; gives the exit code. */
export function watch({ worker, minutes, seed }: WatchOptions): Promise<number> {
  process.stdout.write(`fuzzing for ${String(minutes)} min, --seed=${String(seed)}\n`);
  const running = new Worker(worker, { workerData: { seed } satisfies WorkerData });
  const counts = new Map<string, number>();
  const failures = new Map<string, number>();
  let last: Report | undefined;
  let lastAt = Date.now();
  const print = (report: Report, why: string): void => {
    // The same fault is found again and again: twice is enough.
    const place = `${report.target} ${why
      .split('\n')
      .slice(0, 2)
      .join(' ')
      .replaceAll(/\d+ ms/g, 'slow')}`;
    const seen = (failures.get(place) ?? 0) + 1;
    failures.set(place, seen);
    if (seen <= 2)
      process.stdout.write(`FAILED ${report.target}: ${why}\n${JSON.stringify(report.input)}\n`);
  };
  return new Promise((resolve) => {
    const end = (): void => {
      clearInterval(clock);
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
      const each = [...counts].map(([name, count]) => `${name} ${String(count)}`).join(', ');
      process.stdout.write(`${String(total)} inputs (${each}), ${String(failures.size)} faults\n`);
      void running.terminate().then(() => resolve(failures.size === 0 ? 0 : 1));
    };
    const until = Date.now() + minutes * 60_000;
    const clock = setInterval(() => {
      if (last !== undefined && Date.now() - lastAt > HANG_MS) {
        print(last, 'it does not end');
        end();
      } else if (Date.now() > until) end();
    }, 500);
    running.on('message', (report: Report) => {
      if (report.kind === 'failed') return print(report, report.why);
      counts.set(report.target, (counts.get(report.target) ?? 0) + 1);
      [last, lastAt] = [report, Date.now()];
    });
    running.on('error', (error) => {
      if (last !== undefined) print(last, error.stack ?? error.message);
      end();
    });
  });
}
