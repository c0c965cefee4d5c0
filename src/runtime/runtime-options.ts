import { join } from 'node:path';
import { madeBy } from './made-by.js';
import type { Prepared } from './prepare.js';

/** What a runtime is told of a container with a monitor: its state lies beside it, so that another process finds it. */
export function runtimeOptions({ kind }: Prepared, dir: string, log = join(dir, 'runtime.log')) {
  const manager = madeBy(dir).cgroup === true ? 'cgroupfs' : 'disabled';
  const cgroups = kind === 'crun' ? [`--cgroup-manager=${manager}`] : [];
  return [`--root=${join(dir, 'runtime')}`, `--log=${log}`, '--log-format=json', ...cgroups];
}
