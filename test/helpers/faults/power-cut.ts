import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../../../src/model/has-code.js';
import { must, run } from './run.js';

/**
 * What a power cut leaves, without device-mapper: the store is on an ext4 image behind a loop device; a copy of the
 * backing file has what the kernel had submitted to the disk by then, in its order, and nothing of the page cache of the
 * filesystem in it. Mounting the copy replays the journal as the next boot would. A disk that loses what it confirmed
 * without a flush is not modelled.
 */
export interface Disk {
  /** Where the filesystem is mounted. */
  readonly at: string;
  readonly image: string;
  /** Default: ext4. */
  readonly kind?: DiskKind;
}

export type DiskKind = 'ext4' | 'xfs' | 'btrfs';

/** How far the kernel may hold back; each of them loses other things. */
export const MOUNT_OPTIONS = ['defaults', 'commit=300,noauto_da_alloc', 'data=writeback,commit=60'];

/** xfs wants 300 MB. */
const SIZE = { ext4: '256M', xfs: '320M', btrfs: '320M' } as const;
const MAKE = {
  ext4: ['mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0'],
  xfs: ['mkfs.xfs', '-q'],
  btrfs: ['mkfs.btrfs', '-q'],
} as const;

export async function makeDisk(dir: string, name: string, kind: DiskKind = 'ext4'): Promise<Disk> {
  const image = join(dir, `${name}.img`);
  await must('truncate', ['-s', SIZE[kind], image], process.env);
  const [program, ...args] = MAKE[kind];
  await must(program, [...args, image], process.env);
  const at = join(dir, name);
  mkdirSync(at, { recursive: true });
  return { at, image, kind };
}

export async function mountDisk({ at, image, kind }: Disk, options: string): Promise<void> {
  // A copy is mounted beside its original.
  const twin = kind === 'xfs' ? ',nouuid' : '';
  await must('mount', ['-o', `loop,${options}${twin}`, image, at], process.env);
}

export async function unmountDisk({ at }: Disk): Promise<void> {
  await run('umount', ['-l', at], process.env);
}

export async function copyImage(from: Disk, to: Disk): Promise<void> {
  mkdirSync(to.at, { recursive: true });
  await must('cp', ['--sparse=always', from.image, to.image], process.env);
}

/** Copies what is on the disk at this moment: twice alike, so that no writing went on in between. */
export async function cutPower(disk: Disk, copy: Disk): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    await copyImage(disk, copy);
    if ((await run('cmp', ['-s', disk.image, copy.image], process.env)).status === 0) return;
  }
  throw new Error('the disk does not come to rest');
}

/** Runs a command and stops it, whole, after `ms`; true when it had ended with success by then. */
export async function stoppedAfter(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  ms: number,
): Promise<{ readonly finished: boolean; readonly end: () => Promise<void> }> {
  const child = spawn('bin/stave', args, { env, stdio: 'ignore', detached: true });
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const ended = await Promise.race([exit, delay(ms, undefined)]);
  if (child.exitCode !== null) return { finished: ended === 0, end: () => Promise.resolve() };
  const group = -(child.pid ?? 0);
  process.kill(group, 'SIGSTOP');
  return {
    finished: false,
    end: async () => {
      try {
        process.kill(group, 'SIGKILL');
      } catch (error) {
        if (!hasCode(error, 'ESRCH')) throw error; // It was at its end.
      }
      await exit;
    },
  };
}
