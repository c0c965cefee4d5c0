import { createInterface } from 'node:readline';
import { CancelledError } from '../model/error.js';
import { say } from './command.js';

/** One line of a terminal. */
export function promptLine(question: string, stdout: NodeJS.WriteStream): Promise<string> {
  say(stdout, question);
  const lines = createInterface({ input: process.stdin, terminal: false });
  return new Promise((resolve) => {
    lines.once('line', (line) => {
      resolve(line);
      lines.close();
      process.stdin.unref();
    });
    lines.once('close', () => {
      resolve('');
    });
  });
}

/** The same, not shown while it is typed. */
export function promptSecret(question: string, stdout: NodeJS.WriteStream): Promise<string> {
  const { stdin } = process;
  say(stdout, question);
  stdin.setRawMode(true);
  stdin.resume();
  let typed = '';
  return new Promise((resolve, reject) => {
    const end = (): void => {
      stdin.off('data', take).setRawMode(false);
      stdin.pause();
      say(stdout, '\n');
    };
    const take = (data: Buffer): void => {
      for (const character of data.toString()) {
        if (character === '\r' || character === '\n' || character === '\x04') {
          end();
          resolve(typed);
          return;
        }
        if (character === '\x03') {
          end();
          reject(new CancelledError('stopped by SIGINT'));
          return;
        }
        typed = character === '\x7f' || character === '\b' ? typed.slice(0, -1) : typed + character;
      }
    };
    stdin.on('data', take);
  });
}
