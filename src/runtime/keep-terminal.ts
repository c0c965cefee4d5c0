import { spawn } from 'node:child_process';
import { setBlocking } from '../sys/blocking.js';
import { SYSTEM_PATH } from '../sys/system-path.js';

/**
 * Leaves a terminal to a process that lives as long as somebody writes to it, and throws away what they do: who nobody
 * listens to must neither wait nor be hung up on.
 */
export async function keepTerminal(master: number): Promise<void> {
  setBlocking(master, true);
  const keeper = spawn('cat', [], {
    stdio: [master, 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
    env: { PATH: SYSTEM_PATH },
  });
  await new Promise((resolve, reject) => {
    keeper.once('spawn', resolve).once('error', reject);
  });
  keeper.unref();
}
