import { startBuild } from './build.js';
import { checkDefinition } from './check.js';
import type { CheckOptions, CheckResult } from './model/check-result.js';
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

/**
 * Looks at a Dockerfile by BuildKit's lint rules and tells what a build of it would fail with, without building. Runs in
 * this process. Rejects with BuildError when there is nothing to look at (no such file), with the signal's reason when
 * it was aborted.
 */
export async function check(options: CheckOptions): Promise<CheckResult> {
  await using workshop = openWorkshop(options.root, process.env);
  const signal = options.signal ?? new AbortController().signal;
  return await checkDefinition(options, workshop, { signal, emit: () => undefined });
}
