import { type ChildProcess, spawn } from 'node:child_process';

/** Processes that keep the machine's processors busy until disposed of. */
export function busyLoops(count: number): Disposable {
  const loops: ChildProcess[] = Array.from({ length: count }, () =>
    spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }),
  );
  return {
    [Symbol.dispose]: () => {
      for (const loop of loops) loop.kill('SIGKILL');
    },
  };
}
