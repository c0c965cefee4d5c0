import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { SYSTEM_PATH } from '../sys/system-path.js';

export interface Rule {
  readonly program: 'iptables' | 'ip6tables';
  readonly table: 'filter' | 'nat';
  /** The chain it is in, and what it says. */
  readonly words: readonly string[];
}

/** Puts a rule at the beginning of its chain unless it is there. Rejects as execFile does. `path` follows the system's. */
export async function ensureRule({ program, table, words }: Rule, path: string): Promise<void> {
  const run = promisify(execFile); // Not made at load: a build that does nothing needs no child_process.
  const options = { env: { PATH: `${SYSTEM_PATH}:${path}` }, cwd: '/' };
  const iptables = (command: string): Promise<unknown> =>
    run(program, ['-w', '-t', table, command, ...words], options);
  await iptables('-C').catch(() => iptables('-I'));
}
