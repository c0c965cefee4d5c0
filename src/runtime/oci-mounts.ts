import type { Confinement } from '../model/process.js';

interface SystemMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** Docker's mounts of every container; /dev/shm as large as was asked for, sysfs writable only for an insecure one. */
export function systemMounts(confinement: Confinement | undefined): readonly SystemMount[] {
  const sysfs = ['nosuid', 'noexec', 'nodev', confinement?.insecure === true ? 'rw' : 'ro'];
  const { shmSize } = confinement ?? {};
  const shm = shmSize === undefined ? '65536k' : String(shmSize);
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${shm}`],
    },
    {
      destination: '/dev/mqueue',
      type: 'mqueue',
      source: 'mqueue',
      options: ['nosuid', 'noexec', 'nodev'],
    },
    {
      destination: '/sys',
      type: 'sysfs',
      source: 'sysfs',
      options: sysfs,
    },
  ];
}
