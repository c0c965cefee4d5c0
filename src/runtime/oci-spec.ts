import { randomBytes } from 'node:crypto';
import type { Confinement, DeviceNode, ExecSpec, ProcessSpec } from '../model/process.js';
import type { Ulimit } from '../model/run-settings.js';
import { privileges } from '../sys/privileges.js';
import { DEFAULT_CAPABILITIES, everyCapability } from './capabilities.js';
import { maskedPaths } from './masked-paths.js';
import { cgroup, limits } from './oci-cgroup.js';
import { sharesSysfs, systemMounts } from './oci-mounts.js';
import type { SeccompProfile } from './seccomp-profile.js';

/** RLIM_INFINITY, which JSON can hold as text and Node cannot as a number: a word nobody else writes stands for it. */
const UNLIMITED = randomBytes(16).toString('hex');
const INFINITY = '18446744073709551615';

const READONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** How the seccomp policy reaches the runtime: compiled (crun's annotation) or as rules. */
export type Seccomp = { readonly bpf: string } | { readonly profile: SeccompProfile };

/** The text of config.json. */
export function ociJson(process: ProcessSpec, seccomp: Seccomp): string {
  return JSON.stringify(ociSpec(process, seccomp)).replaceAll(`"${UNLIMITED}"`, INFINITY);
}

/**
 * config.json of one container with Docker's confinement (OCI runtime-spec config.md): its default capabilities,
 * masked and read-only paths, devices, namespaces; no_new_privs off, so that sudo and setuid programs work in RUN.
 */
export function ociSpec(process: ProcessSpec, seccomp: Seccomp): unknown {
  const { user, stdio, confinement } = process;
  const insecure = confinement?.insecure === true;
  return {
    ociVersion: '1.0.2',
    process: {
      ...terminalOf(stdio),
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids, umask: 0o022 },
      args: process.args,
      env: process.env,
      cwd: process.cwd,
      capabilities: capabilities(
        insecure ? everyCapability() : DEFAULT_CAPABILITIES,
        user.uid === 0,
      ),
      noNewPrivileges: false,
      ...(confinement?.ulimits === undefined ? {} : { rlimits: confinement.ulimits.map(rlimit) }),
    },
    root: { path: process.root, readonly: false },
    hostname: process.hostname,
    mounts: [
      // In a user namespace device nodes are only names anyhow.
      ...(insecure || privileges().userNamespace ? [] : [CLOSED_ROOT]),
      ...systemMounts(process),
      ...process.mounts.map(bind),
    ],
    ...('bpf' in seccomp && !insecure
      ? { annotations: { 'run.oci.seccomp_bpf_data': seccomp.bpf } }
      : {}),
    linux: {
      namespaces: namespacesOf(process),
      ...(insecure ? {} : { maskedPaths: masked(process), readonlyPaths: READONLY }),
      ...deviceNodes(confinement),
      ...cgroup(process),
      resources: {
        devices: insecure ? [{ allow: true, access: 'rwm' }] : deviceRules(confinement),
        ...limits(confinement?.resources),
      },
      ...('profile' in seccomp && !insecure ? { seccomp: seccomp.profile } : {}),
    },
  };
}

/** The machine's own sysfs has its cgroups below it. */
function masked({ network }: ProcessSpec): string[] {
  return [...maskedPaths(), ...(sharesSysfs(network) ? ['/sys/fs/cgroup'] : [])];
}

function terminalOf(stdio: ProcessSpec['stdio']) {
  if (stdio.kind === 'pipe' || !stdio.terminal) return { terminal: false };
  if (stdio.size === undefined) return { terminal: true };
  return { terminal: true, consoleSize: { height: stdio.size.rows, width: stdio.size.columns } };
}

/**
 * An image may hold any device node and a step may make one: on a `nodev` root they are only names. The root is mounted
 * so, but crun mounts it anew without, before the other mounts. Not `/`: crun 1.8 takes that for its stdin.
 */
const CLOSED_ROOT = {
  destination: '/.',
  type: 'bind',
  source: '/',
  options: ['bind', 'remount', 'nodev'],
};

/** The `process` object of an exec (OCI runtime-spec config.md, Process), confined as the container's own. */
export function execProcess(spec: ExecSpec): unknown {
  const { user } = spec;
  return {
    terminal: spec.terminal,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids, umask: 0o022 },
    args: spec.args,
    env: spec.env,
    cwd: spec.cwd,
    capabilities: capabilities(DEFAULT_CAPABILITIES, user.uid === 0),
    noNewPrivileges: false,
  };
}

function capabilities(bounding: readonly string[], root: boolean) {
  const own = root ? bounding : [];
  return { bounding, effective: own, permitted: own, inheritable: [], ambient: [] };
}

function namespacesOf({ network }: ProcessSpec) {
  const own = ['pid', 'mount', 'ipc', 'uts'].map((type) => ({ type }));
  if (network === 'host') return own;
  return [...own, { type: 'network', ...(network === 'none' ? {} : { path: network.path }) }];
}

function rlimit({ name, soft, hard }: Ulimit) {
  const unlimited = (value: number): number | string => (value < 0 ? UNLIMITED : value);
  return { type: `RLIMIT_${name.toUpperCase()}`, soft: unlimited(soft), hard: unlimited(hard) };
}

function bind({ source, target, readonly }: ProcessSpec['mounts'][number]) {
  const options = ['rbind', 'rprivate', readonly ? 'ro' : 'rw'];
  return { destination: target, type: 'bind', source, options };
}

/** Docker's device cgroup, for runtimes that use cgroups: nothing but the harmless ones may be opened. */
function deviceRules(confinement: Confinement | undefined) {
  const allow = (major: number, minor: number) => ({
    allow: true,
    type: 'c',
    major,
    // Left out, it is any: -1 is a number to crun.
    ...(minor < 0 ? {} : { minor }),
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
    ...(confinement?.devices ?? []).map(({ type, major, minor }) => ({
      ...allow(major, minor),
      type,
    })),
  ];
}

/** An insecure step gets what loop devices, FUSE and kernel messages need, as BuildKit's does. */
const INSECURE_DEVICES = [
  { path: '/dev/fuse', major: 10, minor: 229, type: 'c' },
  { path: '/dev/loop-control', major: 10, minor: 237, type: 'c' },
  { path: '/dev/kmsg', major: 1, minor: 11, type: 'c' },
  ...Array.from({ length: 8 }, (_, minor) => ({
    path: `/dev/loop${String(minor)}`,
    major: 7,
    minor,
    type: 'b',
  })),
];

function deviceNodes(confinement: Confinement | undefined) {
  const given = (confinement?.devices ?? []).map(({ mode, ...device }: DeviceNode) => ({
    ...device,
    fileMode: mode,
  }));
  const insecure = confinement?.insecure === true ? INSECURE_DEVICES : [];
  const owned = insecure.map((device) => ({ ...device, fileMode: 0o660, uid: 0, gid: 0 }));
  return given.length + owned.length === 0 ? {} : { devices: [...owned, ...given] };
}
