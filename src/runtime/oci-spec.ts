import { existsSync, readdirSync } from 'node:fs';
import type { ProcessSpec } from '../model/process.js';
import type { SeccompProfile } from './seccomp-profile.js';

/** Docker's default capabilities, mask 0xa80425fb (moby, daemon/pkg/oci/caps). */
const CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
]
  .concat(['SETFCAP', 'SETPCAP', 'NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE'])
  .map((name) => `CAP_${name}`);

const MASKED = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
]
  .concat(['/proc/sched_debug', '/proc/scsi', '/proc/timer_list', '/proc/timer_stats'])
  .concat(['/sys/devices/virtual/powercap', '/sys/firmware']);

const READONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

const MOUNTS = [
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
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
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
    options: ['nosuid', 'noexec', 'nodev', 'ro'],
  },
] as const;

/** How the seccomp policy reaches the runtime: compiled (crun's annotation) or as rules. */
export type Seccomp = { readonly bpf: string } | { readonly profile: SeccompProfile };

/**
 * config.json of one container with Docker's confinement (OCI runtime-spec config.md): its default capabilities,
 * masked and read-only paths, devices, namespaces; no_new_privs off, so that sudo and setuid programs work in RUN.
 */
export function ociSpec(process: ProcessSpec, seccomp: Seccomp): unknown {
  const { user, stdio } = process;
  const root = user.uid === 0;
  const namespaces = [
    'pid',
    'mount',
    'ipc',
    'uts',
    ...(process.network === 'none' ? ['network'] : []),
  ];
  return {
    ociVersion: '1.0.2',
    process: {
      ...terminalOf(stdio),
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids, umask: 0o022 },
      args: process.args,
      env: process.env,
      cwd: process.cwd,
      capabilities: {
        bounding: CAPABILITIES,
        effective: root ? CAPABILITIES : [],
        permitted: root ? CAPABILITIES : [],
        inheritable: [],
        ambient: [],
      },
      noNewPrivileges: false,
    },
    root: { path: process.root, readonly: false },
    hostname: process.hostname,
    mounts: [...MOUNTS, ...process.mounts.map(bind)],
    ...('bpf' in seccomp ? { annotations: { 'run.oci.seccomp_bpf_data': seccomp.bpf } } : {}),
    linux: {
      namespaces: namespaces.map((type) => ({ type })),
      maskedPaths: [...MASKED, ...thermalThrottles()],
      readonlyPaths: READONLY,
      resources: { devices: deviceRules() },
      ...('profile' in seccomp ? { seccomp: seccomp.profile } : {}),
    },
  };
}

function terminalOf(stdio: ProcessSpec['stdio']) {
  if (stdio.kind === 'pipe' || !stdio.terminal) return { terminal: false };
  if (stdio.size === undefined) return { terminal: true };
  return { terminal: true, consoleSize: { height: stdio.size.rows, width: stdio.size.columns } };
}

/** Of each processor that has it: temperatures tell what other tenants do (GHSA-6fw5-f8r9-fgfm). */
function thermalThrottles(): string[] {
  const processors = '/sys/devices/system/cpu';
  if (!existsSync(processors)) return [];
  return readdirSync(processors)
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => `${processors}/${name}/thermal_throttle`)
    .filter((path) => existsSync(path));
}

function bind({ source, target, readonly }: ProcessSpec['mounts'][number]) {
  const options = ['rbind', 'rprivate', readonly ? 'ro' : 'rw'];
  return { destination: target, type: 'bind', source, options };
}

/** Docker's device cgroup, for runtimes that use cgroups: nothing but the harmless ones may be opened. */
function deviceRules() {
  const allow = (major: number, minor: number) => ({
    allow: true,
    type: 'c',
    major,
    minor,
    access: 'rwm',
  });
  const make = ['c', 'b'].map((type) => ({ allow: true, type, access: 'm' }));
  const opens = [
    [1, 3],
    [1, 5],
    [1, 7],
    [1, 8],
    [1, 9],
    [5, 0],
    [5, 2],
    [136, -1],
  ];
  return [
    { allow: false, access: 'rwm' },
    ...make,
    ...opens.map(([major = 0, minor = 0]) => allow(major, minor)),
  ];
}
