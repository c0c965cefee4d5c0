import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { anotherBoot } from './boot.js';
import {
  cutPower,
  type Disk,
  type DiskKind,
  makeDisk,
  mountDisk,
  unmountDisk,
} from './power-cut.js';
import { must, run } from './run.js';
import type { Place } from './sweep.js';

/** A filesystem of this machine and how it is mounted. */
export interface DiskSort {
  readonly kind: DiskKind;
  readonly options: string;
}

const DOCKERFILE = `FROM bb
COPY . /all
ARG N
RUN echo $N > /made && cp -r /all /more
`;

interface Round {
  readonly disk: Disk;
  readonly dir: string;
  readonly context: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Ways to an image `made` that is new each time; each ends with a command that says that all is well. */
const WORKS: readonly ((round: Round, n: number) => Promise<void>)[] = [
  async ({ context, env }, n) => {
    await must('bin/stave', ['build', '-q', '-t', 'made', '--build-arg', `N=${String(n)}`, context], env); // prettier-ignore
  },
  async ({ context, env }, n) => {
    writeFileSync(join(context, 'f0'), `other ${String(n)}`);
    await must('bin/stave', ['build', '-q', '-t', 'made', context], env);
  },
  async ({ env }) => {
    await must('bin/stave', ['commit', 'box', 'made'], env);
  },
  // Another build made the layers and failed: this one only finds them.
  async ({ context, env }, n) => {
    const file = join(context, '../failing');
    writeFileSync(file, `${DOCKERFILE}RUN false\n`);
    const args = ['-q', '-t', 'made', '--build-arg', `N=${String(n)}`];
    const failed = await run('bin/stave', ['build', ...args, '-f', file, context], env);
    if (failed.status === 0) throw new Error('it did not fail');
    await must('bin/stave', ['build', ...args, context], env);
  },
];

/**
 * RELIABILITY R5: cuts the power right after commands that ended well, `count` times on one disk, and compares the image
 * that is there at the next boot, byte for byte, with the one of the machine that went on. Gives what differs.
 */
export async function cutsAfterExit(
  place: Place,
  { kind, options }: DiskSort,
  count: number,
): Promise<string[]> {
  const dir = join(place.dir, `after-${kind}-${options.replaceAll(/\W/g, '-')}`);
  mkdirSync(dir);
  const disk = await makeDisk(dir, 'disk', kind);
  const env = { ...place.env, STAVE_ROOT: join(disk.at, 'store') };
  const round: Round = { disk, dir, context: join(dir, 'context'), env };
  mkdirSync(round.context);
  writeFileSync(join(round.context, 'Dockerfile'), DOCKERFILE);
  for (let i = 0; i < 200; i++)
    writeFileSync(join(round.context, `f${String(i)}`), `${String(i)} `.repeat(i * 5));
  await mountDisk(disk, options);
  const wrong: string[] = [];
  try {
    await must('bin/stave', ['build', '-q', '-t', 'bb', join(place.dir, 'busybox-context')], env);
    const box = ['--name', 'box', '--network=none', 'bb', 'sh', '-c', 'cp /bin/busybox /copied'];
    for (const args of [
      ['create', ...box],
      ['start', 'box'],
      ['wait', 'box'],
    ])
      await must('bin/stave', args, env);
    for (let n = 0; n < count; n++) {
      await WORKS[n % WORKS.length]?.(round, n);
      wrong.push(...(await cutAndCompare(round, n)));
    }
  } finally {
    await unmountDisk(disk);
    rmSync(dir, { recursive: true, force: true });
  }
  return wrong;
}

async function cutAndCompare({ disk, dir, env }: Round, n: number): Promise<string[]> {
  const what = `${dir}, ${String(n)}`;
  // Of a lazy unmount the device may live a while.
  const copy = { ...disk, at: join(dir, `copy-${String(n)}`), image: join(dir, `copy-${String(n)}.img`) }; // prettier-ignore
  await cutPower(disk, copy);
  const [before, after] = [join(dir, 'before.tar'), join(dir, 'after.tar')];
  await must('bin/stave', ['save', '-o', before, 'made'], env);
  await mountDisk(copy, 'defaults');
  try {
    const boot = anotherBoot(dir, { ...env, STAVE_ROOT: join(copy.at, 'store') });
    const { status, stderr } = await boot.run('save', '-o', after, 'made');
    if (status !== 0) return [`${what}: ${stderr}`];
    return sum(before) === sum(after) ? [] : [`${what}: other bytes`];
  } finally {
    await unmountDisk(copy);
    for (const file of [after, copy.image]) rmSync(file, { force: true });
  }
}

function sum(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
