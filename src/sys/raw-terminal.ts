import { libc } from './libc.js';

/** struct termios of Linux is 60 bytes. */
const TERMIOS = 64;
const TCSANOW = 0;

/**
 * Makes a terminal wholly raw until disposed (cfmakeraw(3)). Node's own raw mode leaves output processing on, which would
 * turn each newline a container's terminal already made `\r\n` of into `\r\r\n`.
 */
export function rawTerminal(fd: number): Disposable {
  const c = libc();
  const get = c.declare('int tcgetattr(int, uint8_t *)');
  const set = c.declare('int tcsetattr(int, int, const uint8_t *)');
  const before = Buffer.alloc(TERMIOS);
  if (get(fd, before) < 0) c.fail('tcgetattr');
  const raw = Buffer.from(before);
  c.declare('void cfmakeraw(uint8_t *)')(raw);
  if (set(fd, TCSANOW, raw) < 0) c.fail('tcsetattr');
  return {
    [Symbol.dispose]: () => {
      set(fd, TCSANOW, before);
    },
  };
}
