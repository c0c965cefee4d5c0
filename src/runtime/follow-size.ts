import { readFileSync, rmSync } from 'node:fs';
import { hasCode } from '../model/has-code.js';
import { setTerminalSize } from '../sys/terminal-size.js';

/**
 * Until disposed, each new size of our terminal becomes that of the terminal of the process whose pid is in a file: a
 * runtime gives it only the first.
 */
export function followSize(pidFile: string, stdout: NodeJS.WriteStream): Disposable {
  const resize = (): void => {
    const [columns, rows] = stdout.getWindowSize();
    try {
      const pid = Number(readFileSync(pidFile, 'utf8'));
      setTerminalSize(`/proc/${String(pid)}/fd/0`, { columns, rows });
    } catch (error) {
      // It is not there yet, or no more; or its input is another by now.
      if (!hasCode(error, 'ENOENT', 'ESRCH', 'ENOTTY', 'ENXIO', 'EACCES', 'EIO')) throw error;
    }
  };
  stdout.on('resize', resize);
  return {
    [Symbol.dispose]: () => {
      stdout.off('resize', resize);
      rmSync(pidFile, { force: true });
    },
  };
}
