import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome } from '../stave.js';
import { run } from './run.js';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** The machine after a reboot, as a command sees it: another boot id, in a mount namespace of its own. */
export interface Boot {
  readonly run: (...args: readonly string[]) => Promise<Outcome>;
  /** The same, and it must succeed; gives what it printed. */
  readonly ok: (...args: readonly string[]) => Promise<string>;
}

export function anotherBoot(dir: string, env: NodeJS.ProcessEnv): Boot {
  const id = randomUUID();
  const file = join(dir, `boot-${id}`);
  writeFileSync(file, `${id}\n`);
  const script = `mount --bind ${file} ${BOOT_ID} && exec bin/stave "$@"`;
  const start: Boot['run'] = (...args) =>
    run('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', ...args], env);
  return {
    run: start,
    ok: async (...args) => {
      const outcome = await start(...args);
      if (outcome.status === 0) return outcome.stdout;
      throw new Error(`stave ${args.join(' ')}: ${String(outcome.status)}\n${outcome.stderr}`);
    },
  };
}
