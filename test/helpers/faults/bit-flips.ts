import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../fuzz/random.js';
import { anotherBoot } from './boot.js';
import { leftovers } from './leftovers.js';
import { must, run } from './run.js';

/** A store that is copied anew for each flip, and how its image is made and looks. */
export interface FlipWorld {
  readonly dir: string;
  readonly base: string;
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly builds: readonly (readonly string[])[];
  readonly show: readonly string[];
  readonly shown: string;
  readonly id: string;
}

/** Paths below the store of files with something in them. */
export function storeFiles(base: string): string[] {
  return readdirSync(base, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(base.length + 1))
    .filter((path) => lstatSync(join(base, path)).size > 0)
    .sort();
}

/** What a file is for: the first names of its path, without those that are digests or ids. */
export function kindOf(path: string): string {
  const parts = path.split('/').filter((part) => !/^[0-9a-f]{2,}$/.test(part));
  const at = parts.indexOf('fs');
  return (at === -1 ? parts : parts.slice(0, at + 1)).join('/') || path;
}

/**
 * RELIABILITY R24: one bit of a file flips on the disk while the machine is down. The next builds must not use it: their
 * image is right, or they say clearly what is wrong; then `store check --full --repair` and they are right. Gives what
 * was not so, and whether it was mended with no repair at all.
 */
export async function flipOnce(
  world: FlipWorld,
  path: string,
  random: Random,
): Promise<{ readonly wrong: readonly string[]; readonly alone: boolean }> {
  await must('rm', ['-rf', world.root], world.env);
  await must('cp', ['-a', world.base, world.root], world.env);
  const at = flip(join(world.root, path), random);
  const boot = anotherBoot(world.dir, world.env);
  const wrong: string[] = [];
  const first = await use(world, boot.run);
  if (first !== 'right' && !/^(built, and then: )?ERROR: /.test(first))
    wrong.push(`used: ${first}`);
  const repaired = await boot.run('store', 'check', '--full', '--repair');
  const refused = /^ERROR: the store .* has (an unknown )?version|not a store/.test(
    repaired.stderr,
  );
  if (path === 'version' && refused) return { wrong: [], alone: false };
  const checked = await boot.run('store', 'check', '--full');
  if (checked.status !== 0) wrong.push(`check: ${checked.stdout}${checked.stderr}`);
  const then = await use(world, boot.run);
  if (then !== 'right') wrong.push(`after the repair: ${then}`);
  wrong.push(...leftovers(world.root));
  return { wrong: wrong.map((each) => `${path}, bit ${at}: ${each}`), alone: first === 'right' };
}

function flip(file: string, random: Random): string {
  const bytes = readFileSync(file);
  const [at, bit] = [random.int(bytes.length), random.int(8)];
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
  writeFileSync(file, bytes);
  return `${String(at)}.${String(bit)}`;
}

/** Builds and runs; `right`, the error, or what is wrong. */
async function use(
  { builds, show, shown, id }: FlipWorld,
  stave: ReturnType<typeof anotherBoot>['run'],
): Promise<string> {
  let last = '';
  for (const args of builds) {
    const { status, stdout, stderr } = await stave(...args);
    if (status !== 0) return stderr.includes('defect of stave') ? stderr : stderr.slice(Math.max(0, stderr.indexOf('ERROR: '))); // prettier-ignore
    last = stdout.trim();
  }
  if (last !== id) return `image ${last} for ${id}`;
  const { status, stdout, stderr } = await stave(...show);
  if (status !== 0) return `built, and then: ${stderr}`;
  return stdout === shown ? 'right' : `shown ${stdout}`;
}

/** The same, in a place of its own: flips can be tried side by side. */
export function besideFlips(world: FlipWorld, name: string): FlipWorld {
  const dir = join(world.dir, name);
  mkdirSync(dir);
  const root = join(dir, 'flipped');
  return { ...world, dir, root, env: { ...world.env, STAVE_ROOT: root, TMPDIR: dir } };
}

export async function flipWorld(dir: string, env: NodeJS.ProcessEnv): Promise<FlipWorld> {
  const root = join(dir, 'flipped');
  const own = { ...env, STAVE_ROOT: root, SOURCE_DATE_EPOCH: '1' };
  const builds = [
    ['build', '-q', '-t', 'bb', join(dir, 'busybox-context')],
    ['build', '-q', '-t', 'ref', join(dir, 'ref')],
  ];
  const show = ['run', '--rm', '--network=none', '--pull=never', 'ref', 'sh', '-c', 'cat /app/made && readlink /app/link && busybox true && ls /bin | wc -l']; // prettier-ignore
  let id = '';
  for (const args of builds) id = (await must('bin/stave', args, own)).trim();
  const shown = await must('bin/stave', show, own);
  for (const args of [
    ['volume', 'create', 'vol'],
    ['network', 'create', 'net'],
    ['load', '-q', '-i', join(dir, 'ref.tar')],
  ])
    // prettier-ignore
    await must('bin/stave', args, own);
  await must('bin/stave', builds[1] ?? [], own);
  const base = join(dir, 'unflipped');
  await must('mv', [root, base], own);
  const { status } = await run('test', ['-d', base], own);
  if (status !== 0) throw new Error('no store');
  return { dir, base, root, env: own, builds, show, shown, id };
}
