import { closeSync, constants, openSync } from 'node:fs';
import { libc } from './libc.js';

/** asm-generic/ioctl.h; the same on x86_64 and arm64. */
const [FS_IOC_GETFLAGS, FS_IOC_SETFLAGS] = [0x8008_6601, 0x4008_6602];
const FS_TOPDIR_FL = 0x0002_0000;

/**
 * Tells ext4 that what is in a directory does not belong together (chattr +T): each directory made in it gets a block
 * group of its own. In one group ext4 looks at every inode that was freed within the last minutes for each file it makes
 * (`recently_deleted`, fs/ext4/ialloc.c): on a machine that builds and prunes, files then cost five times as much.
 * A hint: filesystems that do not know it are left as they are.
 */
export function markTopDirectory(path: string): void {
  const ioctl = libc().declare('int ioctl(int, uint64_t, uint8_t *)');
  const flags = Buffer.alloc(8);
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    if (ioctl(fd, FS_IOC_GETFLAGS, flags) !== 0) return;
    flags.writeUInt32LE(flags.readUInt32LE(0) | FS_TOPDIR_FL, 0);
    ioctl(fd, FS_IOC_SETFLAGS, flags);
  } finally {
    closeSync(fd);
  }
}
