import { renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Scope } from '../model/scope.js';
import type { ExecRoot, ExecRootJob } from './exec-root.js';
import { Furniture } from './furnish.js';
import { furnishDevices, HIDDEN } from '../runtime/stand-in-devices.js';

/** Where nothing can be mounted: all of it is put into a copy of the root, and taken out again. */
export async function furnishedRoot(job: ExecRootJob, scope: Scope): Promise<ExecRoot> {
  const { layer, sources, scripts, directory, stack } = job;
  let furniture: Furniture | undefined;
  const remove = (): void => {
    furniture?.remove();
  };
  stack.defer(remove);
  const furnish = async (root: string): Promise<readonly string[]> => {
    furnishDevices(root);
    for (const { source, target } of scripts) renameSync(source, join(root, target));
    furniture = new Furniture(root, directory);
    return furniture.place(sources, scope.signal);
  };
  const path = await layer.mount(scope, { chroot: { hidden: HIDDEN, furnish } });
  const end = async (): Promise<void> => {
    await layer.collect();
    remove();
  };
  return { path, mounts: [], end };
}
