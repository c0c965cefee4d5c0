import { setTimeout as delay } from 'node:timers/promises';
import type { RelayProcess } from '../model/network.js';
import { startOf, statOf } from '../sys/process-start.js';

const GONE_MS = 10_000;

/** Its sockets are free when this resolves. */
export async function endRelay({ pid, start }: RelayProcess): Promise<void> {
  const end = performance.now() + GONE_MS;
  while (startOf(pid) === start && statOf(pid)?.[0] !== 'Z' && performance.now() < end) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      return; // It is gone.
    }
    await delay(1);
  }
}
