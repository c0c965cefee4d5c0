import { launcher } from './launcher.js';
import type { Workshop } from './workshop.js';

/** What those need of our surroundings: a monitor has none of them. */
const NEEDED = ['PATH', 'HOME', 'XDG_CACHE_HOME', 'TMPDIR'];

/** Command lines of ours that a container's monitor and checker run: what sees to its end, what probes its health. */
export function companions({ store, env }: Workshop): {
  readonly reaper: readonly string[];
  readonly prober: readonly string[];
} {
  const variables = NEEDED.flatMap((name) =>
    env[name] === undefined ? [] : [`${name}=${env[name]}`],
  );
  const command = (name: string): string[] => [...variables, launcher(), name, store.root];
  return { reaper: command('__ended'), prober: command('__probe') };
}
