import type { TerminalSize } from '../model/process.js';
import { setTerminalSize } from '../sys/terminal-size.js';

/** Of our terminal; undefined when our output goes elsewhere. */
export function sizeOf(stdout: NodeJS.WriteStream): TerminalSize | undefined {
  if (!stdout.isTTY) return undefined;
  const [columns, rows] = stdout.getWindowSize();
  return { columns, rows };
}

/** Until disposed, the size of our terminal is that of another, whose master is open. */
export function followSize(master: number, stdout: NodeJS.WriteStream): Disposable {
  const resize = (): void => {
    const size = sizeOf(stdout);
    if (size !== undefined) setTerminalSize(master, size);
  };
  resize();
  stdout.on('resize', resize);
  return {
    [Symbol.dispose]: () => {
      stdout.off('resize', resize);
    },
  };
}
