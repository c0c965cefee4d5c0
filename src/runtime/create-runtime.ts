import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExitStatus, ProcessSpec, Runtime } from '../model/process.js';
import type { Scope } from '../model/scope.js';
import { sys } from '../sys/sys.js';
import { seccompOf } from './load-seccomp.js';
import { needsCgroup } from './oci-cgroup.js';
import { ociJson } from './oci-spec.js';
import {
  checkRoot,
  checkUser,
  type Prepared,
  prepareRuntime,
  type RuntimeOptions,
} from './prepare.js';
import { runChild } from './process.js';
import { throwRuntimeFailure } from './runtime-failure.js';

/** The first rung: root, overlay, an OCI runtime. Nothing is looked for before the first run. */
export function createRuntime(options: RuntimeOptions): Runtime {
  let prepared: Promise<Prepared> | undefined;
  return {
    run: async (process, scope) => {
      prepared ??= prepareRuntime(options);
      return run(process, await prepared, scope);
    },
    [Symbol.asyncDispose]: async () => {
      const made = await prepared?.catch(() => undefined);
      prepared = undefined;
      if (made !== undefined) sys().umount(made.dir);
    },
  };
}

async function run(spec: ProcessSpec, prepared: Prepared, scope: Scope): Promise<ExitStatus> {
  scope.signal.throwIfAborted();
  checkRoot(spec.root);
  checkUser(spec.user);
  const bundle = join(prepared.dir, spec.id);
  mkdirSync(bundle);
  writeFileSync(
    join(bundle, 'config.json'),
    ociJson(spec, seccompOf(spec.confinement, prepared.seccomp)),
  );
  const log = join(bundle, 'log');
  try {
    const exit = await runChild([...SUPERVISOR, ...commandLine(spec, prepared, bundle, log)], {
      stdio: spec.stdio,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      signal: scope.signal,
    });
    scope.signal.throwIfAborted();
    if (exit.signal !== undefined) return { code: 128 + 9, signal: exit.signal };
    const code = exit.exitCode ?? 0;
    if (code !== 0) throwRuntimeFailure(log, spec);
    return { code };
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
}

/**
 * Nothing survives our SIGKILL: the kernel kills unshare when we die, that kills its child, the first process of a PID
 * namespace, and with it everything in the namespace, daemons that left their session included.
 */
const SUPERVISOR = ['setpriv', '--pdeathsig', 'KILL', '--', 'unshare', '--pid', '--fork'].concat([
  '--kill-child=KILL',
  '--mount-proc',
]);

function commandLine(
  spec: ProcessSpec,
  { kind, program, dir }: Prepared,
  bundle: string,
  log: string,
): string[] {
  // A cgroup costs crun a third of its start; who asks for none gets none.
  const manager = needsCgroup(spec) ? 'cgroupfs' : 'disabled';
  const cgroups = kind === 'crun' ? [`--cgroup-manager=${manager}`] : [];
  const global = ['--root', join(dir, 'state'), '--log', log, '--log-format', 'json', ...cgroups];
  return [program, ...global, 'run', '--bundle', bundle, spec.id];
}
