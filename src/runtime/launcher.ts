import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { OnOutput } from '../model/process.js';
import type { Prepared } from './prepare.js';
import { type ChildExit, startChild, type StartedChild } from './process.js';
import { sealedCopy } from './sealed-copy.js';
import { SYSTEM_PATH } from '../sys/system-path.js';

/** Processes that wait to become an OCI runtime, so that starting them is not waited for. */
export interface Launcher {
  /** Starts what the next `take` needs, if it does not wait already. */
  readonly warmUp: () => void;
  readonly take: () => Promise<Launch>;
  /** Ends what waits. */
  readonly close: () => Promise<void>;
}

/** A container that is not there yet. Disposing removes its bundle. */
export interface Launch extends Disposable {
  readonly id: string;
  /** The directory `config.json` is to be in. */
  readonly bundle: string;
  /** What the runtime says. */
  readonly log: string;
  readonly go: (options: GoOptions) => Promise<ChildExit>;
}

export interface GoOptions {
  /** crun's; a cgroup costs a third of its start. */
  readonly cgroups: 'cgroupfs' | 'disabled';
  readonly onOutput: OnOutput;
  readonly signal: AbortSignal;
}

/**
 * Nothing survives our SIGKILL: the kernel kills unshare when we die, that kills its child, the first process of a PID
 * namespace, and with it everything in the namespace, daemons that left their session included.
 */
const SUPERVISOR = ['setpriv', '--pdeathsig', 'KILL', '--', 'unshare', '--pid', '--fork'].concat([
  '--kill-child=KILL',
  '--',
  'sh',
  '-c',
]);

/** Mounts are made after this was started, so it gets its own view of them only when it goes. */
const BECOME = 'exec unshare --mount-proc --';
/**
 * Says that it is there, and waits for a line, the cgroup manager. A pipe that ends without one means that nobody needs it
 * any more: before it was there, the kernel did not know yet that it is to die with its parent.
 */
const WAIT = 'echo >&4; read -r manager <&4 || exit 0';
const SCRIPTS = {
  crun: `${WAIT}; ${BECOME} "$0" "--cgroup-manager=$manager" "$@" 4<&-`,
  runc: `${WAIT}; ${BECOME} "$0" "$@" 4<&-`,
};

const ENVIRONMENT = { PATH: SYSTEM_PATH };

export function createLauncher(prepared: Prepared): Launcher {
  const program = sealedCopy(prepared.program);
  let next: Promise<Waiting> | undefined;
  const start = (): Promise<Waiting> => startWaiting(prepared, program);
  return {
    warmUp: () => {
      next ??= start();
      next.catch(() => undefined); // Whoever takes it hears of it.
    },
    take: async () => {
      const waiting = next ?? start();
      next = undefined; // Nobody else's, from now on.
      const found = await waiting;
      return launchOf(found.child.running() ? found : await start());
    },
    close: async () => {
      const left = await next?.catch(() => undefined);
      next = undefined;
      if (left !== undefined) end(left);
      if (program.fd !== undefined) closeSync(program.fd);
    },
  };
}

interface Waiting {
  readonly id: string;
  readonly bundle: string;
  readonly log: string;
  readonly child: StartedChild;
  /** Resolves when it waits, or never will. */
  readonly there: Promise<void>;
}

const CHANNEL = 4;

/** Killed before it waits, it would not take its child along: that sees the end of the channel. */
function end({ child }: Waiting): void {
  child.kill();
  if (child.pid !== undefined) child.channel(CHANNEL).destroy();
}

async function startWaiting(
  { kind, dir }: Prepared,
  program: ReturnType<typeof sealedCopy>,
): Promise<Waiting> {
  const id = `step-${randomBytes(8).toString('hex')}`;
  const bundle = join(dir, id);
  const log = join(bundle, 'log');
  const options = ['--root', join(dir, 'state'), '--log', log, '--log-format', 'json'];
  const argv = [
    ...SUPERVISOR,
    SCRIPTS[kind],
    program.fd === undefined ? program.path : '/proc/self/fd/3',
  ];
  const child = await startChild([...argv, ...options, 'run', '--bundle', bundle, id], {
    stdio: 'pipe',
    env: ENVIRONMENT,
    more: [program.fd ?? 'pipe', 'pipe'],
  });
  return { id, bundle, log, child, there: isThere(child) };
}

function isThere(child: StartedChild): Promise<void> {
  if (child.pid === undefined) return Promise.resolve(); // It could not be started: its end says why.
  const channel = child.channel(CHANNEL).on('error', () => undefined);
  return new Promise((resolve) => {
    for (const event of ['data', 'close'])
      channel.once(event, () => {
        resolve();
      });
  });
}

function launchOf(waiting: Waiting): Launch {
  const { id, bundle, log, child, there } = waiting;
  try {
    mkdirSync(bundle);
  } catch (error) {
    end(waiting); // Nobody else knows of it by now, and we would not end before it.
    throw error;
  }
  return {
    id,
    bundle,
    log,
    go: async ({ cgroups, onOutput, signal }) => {
      const stop = (): void => {
        end(waiting);
      };
      signal.addEventListener('abort', stop, { once: true });
      try {
        const done = child.follow(onOutput, signal);
        await there;
        if (child.running() && !signal.aborted) child.channel(CHANNEL).end(`${cgroups}\n`);
        return await done;
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
    [Symbol.dispose]: () => {
      end(waiting);
      rmSync(bundle, { recursive: true, force: true });
    },
  };
}
