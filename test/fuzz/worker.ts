import { parentPort, workerData } from 'node:worker_threads';
import { readCorpus } from './corpus.js';
import { mutate } from './mutate.js';
import { Random } from './random.js';
import { isRefusal, TARGETS } from './targets.js';
import type { Report, WorkerData } from './watch.js';

/** Runs inputs until it is stopped; tells each before it runs, so that one that hangs is known. */
const { seed } = workerData as WorkerData;
const port = parentPort;
if (port === null) throw new Error('this is a worker');
const random = new Random(seed);
const corpus = readCorpus();
const SLOW_MS = 1000;

for (let count = 0; ; count++) {
  const target = TARGETS[count % TARGETS.length];
  if (target === undefined) break;
  const input = mutate(random, corpus[target.corpus]);
  const about = { target: target.name, input };
  port.postMessage({ kind: 'next', ...about } satisfies Report);
  // The machine is shared: only what the processor did counts.
  const before = process.cpuUsage();
  try {
    await target.run(input);
  } catch (error) {
    if (!isRefusal(error)) {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      port.postMessage({ kind: 'failed', ...about, why } satisfies Report);
    }
  }
  const { user } = process.cpuUsage(before);
  if (user > SLOW_MS * 1000) {
    const why = `it took ${String(Math.round(user / 1000))} ms`;
    port.postMessage({ kind: 'failed', ...about, why } satisfies Report);
  }
}
