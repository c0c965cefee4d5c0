import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { anotherBoot, type Boot } from './boot.js';
import { leftovers } from './leftovers.js';
import {
  copyImage,
  cutPower,
  type Disk,
  makeDisk,
  MOUNT_OPTIONS,
  mountDisk,
  stoppedAfter,
  unmountDisk,
} from './power-cut.js';
import { must } from './run.js';
import type { Place } from './sweep.js';

/** A disk with a store on it that has `bb` and a stopped container `box`, all of it written out. */
export interface CutWorld {
  readonly place: Place;
  readonly base: Disk;
  readonly env: (disk: Disk) => NodeJS.ProcessEnv;
  /** Milliseconds each command takes undisturbed. */
  readonly takes: ReadonlyMap<string, number>;
  /** The image id of `ref`. */
  readonly reference: string;
}

/** What goes on when the power fails: the command, the image it makes, and what that prints. */
const WORK: Readonly<Record<string, (place: Place) => readonly string[]>> = {
  build: ({ dir }) => ['build', '-q', '-t', 'ref', join(dir, 'ref')],
  load: ({ dir }) => ['load', '-q', '-i', join(dir, 'ref.tar')],
  pull: ({ registry }) => ['pull', '-q', `${registry}/app:v1`],
  commit: () => ['commit', 'box', 'snap'],
};
const SHOWS: Readonly<Record<string, readonly [string, string]>> = {
  build: ['/app/made', 'file\nmade\n'],
  load: ['/app/made', 'file\nmade\n'],
  pull: ['/app/made', 'file\nmade\n'],
  commit: ['/made', 'made\n'],
};

export async function cutWorld(place: Place): Promise<CutWorld> {
  const dir = join(place.dir, 'cuts');
  mkdirSync(dir);
  const base = await makeDisk(dir, 'base');
  const env = ({ at }: Disk): NodeJS.ProcessEnv => ({
    ...place.env,
    STAVE_ROOT: join(at, 'store'),
    SOURCE_DATE_EPOCH: '1',
  });
  await mountDisk(base, 'defaults');
  const stave = (...args: readonly string[]): Promise<string> => must('bin/stave', args, env(base));
  await stave('build', '-q', '-t', 'bb', join(place.dir, 'busybox-context'));
  await stave('create', '--name', 'box', '--network=none', 'bb', 'sh', '-c', 'echo made > /made');
  await stave('start', 'box');
  await stave('wait', 'box');
  await must('sync', ['-f', base.at], process.env);
  await must('umount', [base.at], process.env);
  const takes = new Map<string, number>();
  const trial: Disk = { at: join(dir, 'trial'), image: join(dir, 'trial.img') };
  let reference = '';
  for (const [name, command] of Object.entries(WORK)) {
    await copyImage(base, trial);
    await mountDisk(trial, 'defaults');
    const begin = performance.now();
    const printed = await must('bin/stave', command(place), env(trial));
    takes.set(name, performance.now() - begin);
    if (name === 'build') reference = printed.trim();
    await unmountDisk(trial);
  }
  return { place, base, env, takes, reference };
}

export interface CutOutcome {
  readonly work: string;
  /** The command had said that all is well. */
  readonly finished: boolean;
  /** And its image was there and right after the cut, with nothing done. */
  readonly kept: boolean;
  readonly wrong: readonly string[];
}

/** Cuts the power in the middle of some command, `share` of its usual time after its start. */
export async function cutOnce(world: CutWorld, n: number, share: number): Promise<CutOutcome> {
  const { place, base, env } = world;
  const dir = join(place.dir, 'cuts', String(n));
  mkdirSync(dir);
  const work = Object.keys(WORK)[n % 4] ?? '';
  const [disk, copy] = [diskIn(dir, 'before'), diskIn(dir, 'after')];
  await copyImage(base, disk);
  await mountDisk(disk, MOUNT_OPTIONS[Math.floor(n / 4) % MOUNT_OPTIONS.length] ?? 'defaults');
  const command = WORK[work]?.(place) ?? [];
  const ms = (world.takes.get(work) ?? 0) * share;
  const stopped = await stoppedAfter(command, env(disk), ms);
  await cutPower(disk, copy);
  await stopped.end();
  await unmountDisk(disk);
  await mountDisk(copy, 'defaults');
  try {
    const boot = anotherBoot(dir, env(copy));
    const { finished } = stopped;
    const [kept, ...wrong] = await look({ world, boot, work, command, finished });
    return { work, finished, kept: kept === undefined, wrong: [...wrong, ...leftovers(join(copy.at, 'store'))] }; // prettier-ignore
  } finally {
    await unmountDisk(copy);
    rmSync(dir, { recursive: true, force: true });
  }
}

function diskIn(dir: string, name: string): Disk {
  return { at: join(dir, name), image: join(dir, `${name}.img`) };
}

interface Look {
  readonly world: CutWorld;
  readonly boot: Boot;
  readonly work: string;
  readonly command: readonly string[];
  readonly finished: boolean;
}

/** First what the image shows as it is (undefined when right), then everything that must not be. */
async function look(at: Look): Promise<[string | undefined, ...string[]]> {
  const { world, boot, work, command, finished } = at;
  const wrong: string[] = [];
  const [file = '', text = ''] = SHOWS[work] ?? [];
  const name =
    work === 'pull' ? `${world.place.registry}/app:v1` : work === 'commit' ? 'snap' : 'ref';
  const shown = (): Promise<{ status: number | null; stdout: string; stderr: string }> =>
    boot.run('run', '--rm', '--network=none', '--pull=never', name, 'cat', file);
  const first = await shown();
  const right = first.status === 0 && first.stdout === text;
  if (first.status === 0 && !right) wrong.push(`wrong bytes: ${first.stdout}`);
  if (first.status !== 0 && !/^ERROR: .*\n(.*\n)*\nhint: /m.test(first.stderr))
    wrong.push(`unclear: ${first.stderr}`);
  // What was said to be done is on the disk.
  if (finished && !right) wrong.push(`lost: ${first.stderr}`);
  const again = await boot.run(...command);
  if (again.status !== 0) wrong.push(`again: ${again.stderr}`);
  if (work === 'build' && again.stdout.trim() !== world.reference) wrong.push('another image');
  const then = await shown();
  if (then.stdout !== text) wrong.push(`again: ${then.stdout}${then.stderr}`);
  await boot.run('store', 'check', '--full', '--repair');
  const checked = await boot.run('store', 'check', '--full');
  if (checked.status !== 0) wrong.push(`check: ${checked.stdout}`);
  if ((await shown()).stdout !== text) wrong.push('after the repair');
  return [right ? undefined : first.stderr, ...wrong];
}
