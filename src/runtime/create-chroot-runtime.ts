import { once } from 'node:events';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { BuildError } from '../model/error.js';
import type { ExitStatus, Runtime, StepProcess } from '../model/process.js';
import type { Scope } from '../model/scope.js';
import { becomeSubreaper } from '../sys/process-calls.js';
import { attachSystem } from './attach-system.js';
import { type Blocked, whyNoNamespaces, whyNoProc } from './blocked.js';
import { chrootFailure } from './chroot-failure.js';
import { CHANNEL, type ChrootEnd, type ChrootJob } from './chroot-job.js';
import { chrootMain } from './chroot-main-file.js';
import { jobOf } from './job-of.js';
import { endOrphans } from './descendants.js';
import { cannot, checkRoot, checkUser, type RuntimeOptions } from './prepare.js';
import { type StartedChild, startChild } from './process.js';

/**
 * The last rung: root of a container without privileges, where nothing can be mounted and no namespace be had. A step
 * sees the processes and the network of the container; its files are its root's. `mounts`: a user namespace is there, but
 * no /proc of its own.
 */
export function createChrootRuntime(options: RuntimeOptions, has?: 'mounts'): Runtime {
  const why = has === undefined ? whyNoNamespaces() : whyNoProc();
  let waiting: Promise<StartedChild> | undefined;
  let warned = false;
  const start = (): Promise<StartedChild> => {
    becomeSubreaper(); // A supervisor that is killed leaves its step to us.
    return startChild([process.execPath, chrootMain(), 'supervise'], {
      stdio: 'pipe',
      env: {},
      more: ['pipe'],
    });
  };
  const warmUp = (): void => {
    waiting ??= start();
    waiting.catch(() => undefined); // Whoever takes it hears of it.
  };
  return {
    isolation: has === undefined ? 'chroot' : 'namespaces',
    warmUp,
    run: async (process, scope) => {
      scope.signal.throwIfAborted();
      checkRoot(process.root, 'crun');
      checkUser(process.user);
      refuse(process, why, has);
      if (!warned) warn(scope, why, has);
      warned = true;
      if (has !== undefined) attachSystem(process.root, process.mounts, process.confinement);
      warmUp();
      const child = await waiting;
      waiting = undefined;
      if (child === undefined) throw new Error('no supervisor');
      const done = run(await jobOf(process, options), process, { child, scope });
      warmUp(); // For the next step.
      return done;
    },
    [Symbol.asyncDispose]: async () => {
      const left = await waiting?.catch(() => undefined);
      waiting = undefined;
      // It has no step yet; who would become one sees the end of its channel.
      left?.kill();
    },
  };
}

function warn({ emit }: Scope, { what, remedy }: Blocked, has: 'mounts' | undefined): void {
  emit({
    type: 'warning',
    message: `RUN works in a chroot here: ${what}`,
    detail: [
      'a step shares the processes, the network and the hostname of this container, and its limits',
      has === undefined
        ? '/proc and /sys are empty, /dev has stand-ins, mounts are copies, no device nodes can be made'
        : '/proc and /sys are those of this container',
      `for more: ${remedy}`,
    ],
  });
}

/** What a chroot cannot give is not left out in silence. */
function refuse(
  { network, confinement }: StepProcess,
  { what, remedy }: Blocked,
  has: 'mounts' | undefined,
): void {
  const { insecure, devices, shmSize, cgroupParent } = confinement ?? {
    insecure: false,
    devices: [],
  };
  const asked =
    (network !== 'host' && '--network=none') ||
    (insecure && '--security=insecure') ||
    (devices.length > 0 && '--device') ||
    (shmSize !== undefined && has === undefined && '--shm-size') ||
    (cgroupParent !== undefined && '--cgroup-parent');
  if (asked === false) return;
  throw cannot(`${asked} cannot be had in a chroot: ${what}`, `${remedy} (stave doctor shows all)`);
}

interface Running {
  readonly child: StartedChild;
  readonly scope: Scope;
}

async function run(
  job: ChrootJob,
  spec: StepProcess,
  { child, scope }: Running,
): Promise<ExitStatus> {
  const channel = child.channel(CHANNEL).on('error', () => undefined);
  // Never killed: it ends the step and then itself when its channel ends.
  const stop = (): void => void channel.destroy();
  scope.signal.addEventListener('abort', stop, { once: true });
  try {
    let said = '';
    channel.on('data', (data: Buffer) => (said += data.toString()));
    const swept = once(channel, 'close').then(() => (said === '' ? sweep(child) : undefined));
    if (!scope.signal.aborted) channel.write(`${JSON.stringify(job)}\n`);
    await child.follow(spec.onOutput, new AbortController().signal);
    await swept;
    scope.signal.throwIfAborted();
    return endOf(said, spec);
  } finally {
    scope.signal.removeEventListener('abort', stop);
  }
}

/** A supervisor that was killed has left its step to us; it may hold the pipes of its output as long as it lives. */
async function sweep(child: StartedChild): Promise<void> {
  while (child.running()) await delay(POLL);
  await endOrphans();
}

/** Milliseconds. */
const POLL = 5;

function endOf(said: string, { args }: StepProcess): ExitStatus {
  if (!said.endsWith('\n'))
    throw new BuildError('runtime', 'the supervisor of the step was killed, and the step with it');
  const { code, signal, failure } = JSON.parse(said) as ChrootEnd;
  if (failure !== undefined) throw chrootFailure(failure, args[0] ?? '');
  // As a runtime says it.
  if (signal !== null) return { code: 128 + constants.signals[signal as NodeJS.Signals] };
  return { code: code ?? 0 };
}
