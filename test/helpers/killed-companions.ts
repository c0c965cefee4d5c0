import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { checkStruck, type KilledCommand } from './killed-commands.js';
import type { NetworkWorld } from './network-world.js';
import { lineOf, processesOf } from './processes.js';

/** Processes beside a command: the monitor, the runtime, what sees to an end, what probes, what carries connections. */
export const COMPANIONS = ['conmon', 'runtime', '__ended', '__probe', 'relay'] as const;
export type Companion = (typeof COMPANIONS)[number];

export interface CompanionCommand extends KilledCommand {
  readonly with: readonly Companion[];
}

const SLEEPS = ['bb', 'sleep', '1000'];
const HEALTHY = ['--health-cmd=true', '--health-interval=1s'];
const RUNS = ['run', '-d', '--name', 'subject', '-p', '80', '--memory=64m', ...HEALTHY, ...SLEEPS];

export const COMPANION_COMMANDS: readonly CompanionCommand[] = [
  { args: RUNS, with: ['conmon', 'runtime', '__probe', 'relay'] },
  {
    args: ['run', '--rm', '--name', 'subject', '-p', '80', 'bb', 'true'],
    with: ['conmon', 'runtime', '__ended', 'relay'],
  },
  { args: ['stop', '-t', '0', 'subject'], before: [RUNS], with: ['conmon', '__ended'] },
  { args: ['restart', '-t', '0', 'subject'], before: [RUNS], with: COMPANIONS },
  { args: ['exec', 'subject', 'true'], before: [RUNS], with: ['conmon', 'runtime', '__probe'] },
  {
    args: ['exec', '-d', 'subject', 'sleep', '1000'],
    before: [RUNS],
    with: ['conmon', 'runtime'],
  },
  {
    args: ['rm', '-f', 'subject'],
    before: [RUNS],
    again: ['ps'],
    with: ['conmon', '__ended', '__probe', 'relay'],
  },
  {
    args: ['run', '-d', '--name', 'subject', '--restart', 'always', 'bb', 'sleep', '0.1'],
    with: ['conmon', 'runtime', '__ended'],
  },
];

const STAVE = join(process.cwd(), 'bin/stave');
const HUNG_MS = 120_000;

/**
 * Kills a companion of a command at a random moment of its life. The command ends by itself, whatever it says; then what
 * the next ones tell is true, and a removal leaves nothing. False when none came.
 */
export async function checkCompanionKilled(
  world: NetworkWorld,
  command: CompanionCommand,
  companion: Companion,
): Promise<boolean> {
  let struck = false;
  await checkStruck(world, command, async () => {
    const child = spawn(STAVE, command.args, { env: world.env, stdio: 'ignore' });
    const ended = new Promise<void>((resolve) =>
      child.once('exit', () => {
        resolve();
      }),
    );
    const hung = AbortSignal.timeout(HUNG_MS);
    const over = Promise.race([ended.then(() => delay(AFTER_MS)), aborted(hung)]);
    struck = await strike(world, companion, over);
    await Promise.race([ended, aborted(hung)]);
  });
  return struck;
}

/** What works on after the command's end. */
const AFTER_MS = 500;
const LONGEST_MS = 40;

async function strike(
  world: NetworkWorld,
  companion: Companion,
  over: Promise<unknown>,
): Promise<boolean> {
  const passed = new Set<number>();
  const done = new AbortController();
  const end = (): void => {
    done.abort();
  };
  void over.then(end, end);
  while (!done.signal.aborted) {
    const pid = companionsOf(world, companion).find((each) => !passed.has(each));
    if (pid === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    await delay(Math.random() * LONGEST_MS);
    if (companionsOf(world, companion).includes(pid)) {
      process.kill(pid, 'SIGKILL');
      return true;
    }
    passed.add(pid); // It ended before; another may come.
  }
  return false;
}

function companionsOf(world: NetworkWorld, companion: Companion): number[] {
  if (companion === 'relay') return relaysOf(world);
  return processesOf(world.root).filter((pid) => isCompanion(lineOf(String(pid)), companion));
}

/** Their command line does not name the store. */
function relaysOf({ root, attached }: NetworkWorld): number[] {
  return attached().flatMap((name) => {
    try {
      const text = readFileSync(join(root, 'networks/attached', name), 'utf8');
      const { relay } = JSON.parse(text) as { readonly relay?: { readonly pid: number } };
      return relay !== undefined && lineOf(String(relay.pid)) !== '' ? [relay.pid] : [];
    } catch {
      return []; // It was taken down meanwhile.
    }
  });
}

function isCompanion(line: string, companion: Companion): boolean {
  const program = basename(line.split('\0', 1)[0] ?? '');
  if (companion === 'conmon') return program === 'conmon';
  if (companion === 'runtime') return program === 'crun' || program === 'runc';
  return program !== 'conmon' && line.includes(companion);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(new Error('the command hangs'));
    });
  });
}
