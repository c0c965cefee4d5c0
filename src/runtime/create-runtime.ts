import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExitStatus, Runtime, StepProcess } from '../model/process.js';
import type { Scope } from '../model/scope.js';
import { deviceNodes } from './device-nodes.js';
import { createLauncher, type Launcher } from './launcher.js';
import { seccompOf } from './load-seccomp.js';
import { needsCgroup } from './oci-cgroup.js';
import { ociJson } from './oci-spec.js';
import { checkRoot, checkUser, type Prepared, type RuntimeOptions } from './prepare.js';
import { prepareOnce } from './prepare-once.js';
import { noteStepCgroup } from './step-cgroups.js';
import { throwRuntimeFailure } from './runtime-failure.js';

export interface StepRuntimeOptions extends RuntimeOptions {
  /** Called while a container runs. */
  readonly idle: () => void;
}

/** The first rung: root, overlay, an OCI runtime. Nothing is looked for before the first run. */
export function createRuntime(options: StepRuntimeOptions): Runtime {
  const prepared = prepareOnce(options);
  let launcher: Launcher | undefined;
  const ready = async (): Promise<Ready> => {
    const made = await prepared.get();
    return { ...made, launcher: (launcher ??= createLauncher(made)) };
  };
  return {
    isolation: 'namespaces',
    warmUp: () => {
      ready().then(
        (made) => {
          made.launcher.warmUp();
        },
        () => undefined, // `run` throws it.
      );
    },
    run: async (process, scope) => run(process, await ready(), { scope, idle: options.idle }),
    [Symbol.asyncDispose]: async () => {
      await launcher?.close();
      launcher = undefined;
      await prepared[Symbol.asyncDispose]();
    },
  };
}

interface Ready extends Prepared {
  readonly launcher: Launcher;
}

interface Running {
  readonly scope: Scope;
  readonly idle: () => void;
}

async function run(spec: StepProcess, ready: Ready, { scope, idle }: Running): Promise<ExitStatus> {
  scope.signal.throwIfAborted();
  checkRoot(spec.root, ready.kind);
  checkUser(spec.user);
  using launch = await ready.launcher.take();
  using _cgroup = noteStepCgroup(launch.id, spec, ready);
  using devices = deviceNodes(ready.dir, launch.id, spec.confinement);
  const config = ociJson(
    { ...spec, id: launch.id, stdio: { kind: 'pipe', onOutput: spec.onOutput } },
    seccompOf(spec.confinement, ready.seccomp),
    devices?.path,
  );
  writeFileSync(join(launch.bundle, 'config.json'), config);
  const exited = launch.go({
    cgroups: needsCgroup(spec) ? 'cgroupfs' : 'disabled',
    onOutput: spec.onOutput,
    signal: scope.signal,
  });
  ready.launcher.warmUp();
  setImmediate(idle);
  const exit = await exited;
  scope.signal.throwIfAborted();
  if (exit.signal !== undefined) return { code: 128 + 9, signal: exit.signal };
  const code = exit.exitCode ?? 0;
  if (code !== 0) throwRuntimeFailure(launch.log, spec);
  return { code };
}
