import type { ProcessSpec } from '../model/process.js';
import { privileges } from '../sys/privileges.js';

interface SystemMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** Docker's mounts of every container; /dev/shm as large as was asked for, sysfs writable only for an insecure one. */
export function systemMounts({
  confinement,
  network,
}: Pick<ProcessSpec, 'confinement' | 'network'>): readonly SystemMount[] {
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
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', ...terminals()],
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
    sharesSysfs(network)
      ? { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', ...sysfs] }
      : { destination: '/sys', type: 'sysfs', source: 'sysfs', options: sysfs },
  ];
}

/** A sysfs shows a network namespace: who does not own that may not mount one, and gets the machine's. */
export function sharesSysfs(network: ProcessSpec['network']): boolean {
  return privileges().userNamespace && network === 'host';
}

/** The group tty; where only one id is mapped, our own group stands for it. */
function terminals(): string[] {
  return privileges().ids === 'own' ? [] : ['gid=5'];
}
