import { randomBytes } from 'node:crypto';
import type {
  Confinement,
  DeviceNode,
  ExecSpec,
  ProcessSpec,
  SeccompProfile,
  TerminalSize,
} from '../model/process.js';
import type { Ulimit } from '../model/run-settings.js';
import { privileges } from '../sys/privileges.js';
import { DEFAULT_CAPABILITIES, everyCapability } from './capabilities.js';
import { maskedPaths } from './masked-paths.js';
import { cgroup, limits } from './oci-cgroup.js';
import { sharesSysfs, systemMounts } from './oci-mounts.js';
import { closesDevices, deviceRules } from './oci-devices.js';

/** RLIM_INFINITY, which JSON can hold as text and Node cannot as a number: a word nobody else writes stands for it. */
const UNLIMITED = randomBytes(16).toString('hex');
const INFINITY = '18446744073709551615';

export const READONLY_PATHS = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/** How the seccomp policy reaches the runtime: compiled (crun's annotation) or as rules, or not at all. */
export type Seccomp =
  { readonly bpf: string } | { readonly profile: SeccompProfile } | { readonly unconfined: true };

/** The text of config.json. */
export function ociJson(process: ProcessSpec, seccomp: Seccomp, nodes?: string): string {
  return JSON.stringify(ociSpec(process, seccomp, nodes)).replaceAll(`"${UNLIMITED}"`, INFINITY);
}

/**
 * config.json of one container with Docker's confinement (OCI runtime-spec config.md): its default capabilities,
 * masked and read-only paths, devices, namespaces; no_new_privs off, so that sudo and setuid programs work in RUN.
 * `nodes` holds its devices, where its own /dev is `nodev`.
 */
export function ociSpec(process: ProcessSpec, seccomp: Seccomp, nodes?: string): unknown {
  const { user, stdio, confinement } = process;
  const { ulimits, oomScoreAdj, noNewPrivileges } = confinement ?? {};
  return {
    ociVersion: '1.0.2',
    process: {
      ...terminalOf(stdio),
      user: userOf(user),
      args: process.args,
      env: process.env,
      cwd: process.cwd,
      capabilities: capabilities(bounding(confinement), user.uid === 0),
      noNewPrivileges: noNewPrivileges === true,
      ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
      ...(ulimits === undefined ? {} : { rlimits: ulimits.map(rlimit) }),
    },
    root: { path: process.root, readonly: sealsRoot(process) },
    ...(confinement?.namespaces?.uts === 'host' ? {} : { hostname: process.hostname }),
    mounts: mountsOf(process, nodes),
    ...annotations(confinement, seccomp),
    linux: {
      namespaces: namespacesOf(process),
      ...hiddenPaths(process),
      ...deviceNodes(confinement),
      ...cgroup(process),
      resources: { devices: deviceRules(confinement), ...limits(confinement?.resources) },
      ...(confinement?.sysctls === undefined ? {} : { sysctl: confinement.sysctls }),
      ...('profile' in seccomp ? { seccomp: seccomp.profile } : {}),
    },
  };
}

function userOf({ uid, gid, additionalGids }: ProcessSpec['user']) {
  return { uid, gid, additionalGids, umask: 0o022 };
}

function bounding(
  confinement: Pick<Confinement, 'insecure' | 'capabilities'> | undefined,
): readonly string[] {
  if (confinement?.capabilities !== undefined) return confinement.capabilities;
  return confinement?.insecure === true ? everyCapability() : DEFAULT_CAPABILITIES;
}

function annotations(confinement: Confinement | undefined, seccomp: Seccomp): object {
  const all = {
    ...confinement?.annotations,
    ...('bpf' in seccomp ? { 'run.oci.seccomp_bpf_data': seccomp.bpf } : {}),
  };
  return Object.keys(all).length === 0 ? {} : { annotations: all };
}

function hiddenPaths({ confinement, network }: ProcessSpec): object {
  if (confinement?.insecure === true) return {};
  // The machine's own sysfs has its cgroups below it.
  const cgroups = sharesSysfs(network) ? ['/sys/fs/cgroup'] : [];
  const masked = confinement?.maskedPaths ?? [...maskedPaths(), ...cgroups];
  const readonly = confinement?.readonlyPaths ?? READONLY_PATHS;
  return { maskedPaths: masked, readonlyPaths: readonly };
}

function terminalOf(stdio: ProcessSpec['stdio']) {
  if (stdio.kind === 'pipe' || !stdio.terminal) return { terminal: false };
  return { terminal: true, ...consoleSize(stdio.kind === 'monitor' ? stdio.size : undefined) };
}

function consoleSize(size: TerminalSize | undefined): object {
  return size === undefined ? {} : { consoleSize: { height: size.rows, width: size.columns } };
}

/**
 * An image may hold any device node and a step may make one: on a `nodev` root they are only names. The root is mounted
 * so, but crun mounts it anew without, before the other mounts. Not `/`: crun 1.8 takes that for its stdin.
 */
const CLOSED = ['nodev'];

function rootMount(options: readonly string[]) {
  return { destination: '/.', type: 'bind', source: '/', options: ['bind', 'remount', ...options] };
}

/**
 * Of a read-only root: in a user namespace there are no devices to be closed, and what the filesystem below is mounted with
 * must stay, which the runtime finds out and our own remount does not.
 */
function sealsRoot({ confinement }: ProcessSpec): boolean {
  return confinement?.readonlyRoot === true && privileges().userNamespace;
}

function mountsOf(process: ProcessSpec, nodes: string | undefined): object[] {
  const { confinement } = process;
  const closed = closesDevices(confinement);
  const attributes = closed ? CLOSED : [];
  const readonly = confinement?.readonlyRoot === true;
  return [
    ...(readonly || !closed ? [] : [rootMount(attributes)]),
    ...systemMounts(process, nodes),
    ...(confinement?.lateMounts ?? []),
    ...process.mounts.map(bind),
    // Last, for mount points are made in it; by us, for crun forgets `nodev` when it does this itself.
    ...(readonly && !sealsRoot(process) ? [rootMount([...attributes, 'ro'])] : []),
  ];
}

/** The `process` object of an exec (OCI runtime-spec config.md, Process), confined as the container's own. */
export function execProcess(spec: ExecSpec, size: TerminalSize | undefined): unknown {
  const { user } = spec;
  return {
    terminal: spec.terminal,
    ...consoleSize(size),
    user: userOf(user),
    args: spec.args,
    env: spec.env,
    cwd: spec.cwd,
    capabilities: capabilities(bounding(spec.confinement), user.uid === 0),
    noNewPrivileges: spec.confinement?.noNewPrivileges === true,
  };
}

function capabilities(all: readonly string[], root: boolean) {
  const own = root ? all : [];
  return { bounding: all, effective: own, permitted: own, inheritable: [], ambient: [] };
}

function namespacesOf({ network, confinement }: ProcessSpec): object[] {
  const { pid, ipc, uts, cgroup: group } = confinement?.namespaces ?? {};
  const joined = (type: string, where: string | undefined): object[] => {
    if (where === 'host') return [];
    return [where === undefined ? { type } : { type, path: where }];
  };
  return [
    ...joined('pid', pid),
    { type: 'mount' },
    ...joined('ipc', ipc),
    ...joined('uts', uts),
    ...(network === 'none'
      ? [{ type: 'network' }]
      : joined('network', network === 'host' ? network : network.path)),
    ...(group === 'private' ? [{ type: 'cgroup' }] : []),
  ];
}

function rlimit({ name, soft, hard }: Ulimit) {
  const unlimited = (value: number): number | string => (value < 0 ? UNLIMITED : value);
  return { type: `RLIMIT_${name.toUpperCase()}`, soft: unlimited(soft), hard: unlimited(hard) };
}

function bind({ source, target, readonly }: ProcessSpec['mounts'][number]) {
  const options = ['rbind', 'rprivate', readonly ? 'ro' : 'rw'];
  return { destination: target, type: 'bind', source, options };
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
  const known = new Set(given.map(({ path }) => path));
  const all = confinement?.insecure === true ? INSECURE_DEVICES : [];
  const insecure = all.filter(({ path }) => !known.has(path));
  const owned = insecure.map((device) => ({ ...device, fileMode: 0o660, uid: 0, gid: 0 }));
  return given.length + owned.length === 0 ? {} : { devices: [...owned, ...given] };
}
