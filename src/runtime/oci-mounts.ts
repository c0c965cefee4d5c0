import { existsSync } from 'node:fs';
import type { Confinement, ProcessSpec } from '../model/process.js';
import { privileges } from '../sys/privileges.js';
import { OWN_DEVICES } from './device-nodes.js';
import { needsCgroup } from './oci-cgroup.js';

interface SystemMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** Docker's mounts of every container; /dev/shm as large as was asked for, sysfs writable only for an insecure one. */
export function systemMounts(
  process: Pick<ProcessSpec, 'confinement' | 'network'>,
  nodes?: string,
): readonly SystemMount[] {
  const { confinement, network } = process;
  const sysfs = ['nosuid', 'noexec', 'nodev', confinement?.insecure === true ? 'rw' : 'ro'];
  const all: readonly SystemMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    ...deviceMounts(nodes),
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', ...terminals()],
    },
    ...ipcMounts(confinement),
    sharesSysfs(network)
      ? { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', ...sysfs] }
      : { destination: '/sys', type: 'sysfs', source: 'sysfs', options: sysfs },
    ...(needsCgroup(process) ? [cgroupMount(confinement)] : []),
  ];
  // A mount of the user's in the same place stands for ours.
  const taken = new Set(confinement?.lateMounts?.map(({ destination }) => destination));
  return all.filter(({ destination }) => !taken.has(destination));
}

/**
 * A step may make nodes in /dev as elsewhere. Where no device cgroup keeps it from opening them /dev is `nodev` too, and
 * its devices are mounts of their own, of what `nodes` holds: the runtimes leave a node alone that is there.
 */
function deviceMounts(nodes: string | undefined): readonly SystemMount[] {
  const closed = nodes === undefined ? [] : ['nodev'];
  const options = ['nosuid', ...closed, 'strictatime', 'mode=755', 'size=65536k'];
  const dev = { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options };
  if (nodes === undefined) return [dev];
  const own = Object.keys(OWN_DEVICES).map((name) => ({
    destination: `/dev/${name}`,
    type: 'bind',
    source: `${nodes}/${name}`,
    options: ['bind', 'rprivate', 'nosuid', 'noexec'],
  }));
  return [dev, ...own];
}

/** A sysfs shows a network namespace: who does not own that may not mount one, and gets the machine's. */
export function sharesSysfs(network: ProcessSpec['network']): boolean {
  return privileges().userNamespace && network === 'host';
}

/** The group tty; where only one id is mapped, our own group stands for it. */
function terminals(): string[] {
  return privileges().ids === 'own' ? [] : ['gid=5'];
}

/** Those of the machine, where the container shares its objects. */
function ipcMounts(confinement: Confinement | undefined): readonly SystemMount[] {
  const options = ['nosuid', 'noexec', 'nodev'];
  const queues = { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options };
  if (confinement?.namespaces?.ipc === 'host') {
    // Queues are shown by a mount of one's own, which a user namespace may not make of the machine's.
    const shared = privileges().userNamespace ? ['/dev/shm', '/dev/mqueue'] : ['/dev/shm'];
    const binds = shared.filter(existsSync).map((path) => ({
      destination: path,
      type: 'bind',
      source: path,
      options: ['rbind', 'rprivate', ...options],
    }));
    return privileges().userNamespace ? binds : [...binds, queues];
  }
  const size = confinement?.shmSize;
  if (size === 0) return [queues];
  const shm = size === undefined ? '65536k' : String(size);
  return [
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: [...options, 'mode=1777', `size=${shm}`],
    },
    queues,
  ];
}

/** Programs read their limits there. */
function cgroupMount(confinement: Confinement | undefined): SystemMount {
  const writable = confinement?.insecure === true || confinement?.writableCgroups === true;
  return {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: ['nosuid', 'noexec', 'nodev', writable ? 'rw' : 'ro'],
  };
}
