import { startBuild } from './build.js';
import type { Build, BuildOptions } from './model/build-options.js';
import { hasPrivateMounts, openWorkshop } from './workshop.js';
import { remoteBuild } from './remote-build.js';

/**
 * Builds an image. The build runs in an engine process of its own (`bin/stave`), because its mounts need a mount
 * namespace which this process cannot enter; it ends with this process. `result` rejects with BuildError for what a
 * person can act on, with the signal's reason when it was aborted.
 */
export function build(options: BuildOptions): Build {
  if (!hasPrivateMounts(process.env)) return remoteBuild(options);
  const workshop = openWorkshop(options.root, process.env);
  const running = startBuild(options, workshop);
  const result = running.result.finally(() => workshop[Symbol.asyncDispose]());
  result.catch(() => undefined);
  return { ...running, result };
}
