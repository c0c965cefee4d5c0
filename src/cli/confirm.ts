import { createInterface } from 'node:readline/promises';

/** docker's question: only `y` is yes; no input is no. */
export async function confirm(question: string, stdout: NodeJS.WriteStream): Promise<boolean> {
  stdout.write(`${question} [y/N] `);
  const lines = createInterface({ input: process.stdin });
  try {
    for await (const line of lines) return /^y$/i.test(line.trim());
    return false;
  } finally {
    lines.close();
  }
}
