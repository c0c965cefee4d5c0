import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { BuildError } from '../model/error.js';
import type { BindMount, DeviceNode } from '../model/process.js';

/** Where the Container Device Interface looks, the later winning (CDI SPEC.md). */
export const CDI_DIRECTORIES = ['/etc/cdi', '/var/run/cdi'];

/** What a device changes in a container. */
export interface DeviceEdits {
  readonly env: readonly string[];
  readonly devices: readonly DeviceNode[];
  readonly mounts: readonly BindMount[];
}

export interface CdiDevice {
  /** `vendor.com/class=name` */
  readonly name: string;
  readonly kind: string;
  /** Of BuildKit's annotation: a name for devices of several vendors. */
  readonly className: string | undefined;
  /** Its maker says that it needs no --allow. */
  readonly autoAllow: boolean;
  readonly edits: () => DeviceEdits;
}

interface RawEdits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly RawNode[];
  readonly mounts?: readonly {
    readonly hostPath: string;
    readonly containerPath: string;
    readonly options?: readonly string[];
  }[];
  readonly [key: string]: unknown;
}

interface RawNode {
  readonly path: string;
  readonly hostPath?: string;
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

interface RawSpec {
  readonly kind?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly containerEdits?: RawEdits;
  readonly devices?: readonly {
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly containerEdits?: RawEdits;
  }[];
}

/** Every device that a CDI file on this machine describes. */
export function cdiDevices(directories: readonly string[] = CDI_DIRECTORIES): CdiDevice[] {
  const found = new Map<string, CdiDevice>();
  for (const directory of directories.filter((each) => existsSync(each))) {
    for (const file of readdirSync(directory).sort()) {
      if (!/\.(json|ya?ml)$/.test(file)) continue;
      for (const device of devicesIn(join(directory, file))) found.set(device.name, device);
    }
  }
  return [...found.values()];
}

/** The devices of a request: `kind=name`, `kind=*`, a kind or a class (the first of it). */
export function matchDevices(all: readonly CdiDevice[], request: string): readonly CdiDevice[] {
  if (request.endsWith('=*')) return all.filter(({ kind }) => `${kind}=*` === request);
  const exact = all.filter(({ name }) => name === request);
  if (exact.length > 0 || request.includes('=')) return exact;
  const ofKind = all.filter(({ kind, className }) => kind === request || className === request);
  return ofKind.slice(0, 1);
}

const PREFIX = 'org.mobyproject.buildkit.device';

function devicesIn(file: string): CdiDevice[] {
  const spec = readSpec(file);
  const { kind, devices = [], annotations } = spec;
  if (kind === undefined) return [];
  return devices.map((device) => {
    const notes = { ...annotations, ...device.annotations };
    return {
      name: `${kind}=${device.name}`,
      kind,
      className: notes[`${PREFIX}.class`],
      autoAllow: notes[`${PREFIX}.autoallow`] === 'true',
      edits: () =>
        joined(
          [spec.containerEdits, device.containerEdits].map((edits) => editsOf(edits ?? {}, file)),
        ),
    };
  });
}

function readSpec(file: string): RawSpec {
  try {
    // A CDI file is an administrator's; its shape is CDI's, and each field is looked at when it is used.
    const spec = parse(readFileSync(file, 'utf8')) as RawSpec | null;
    return spec ?? {};
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
    throw new BuildError('runtime', `the CDI file ${file} cannot be read: ${why}`);
  }
}

function joined(all: readonly DeviceEdits[]): DeviceEdits {
  return {
    env: all.flatMap(({ env }) => env),
    devices: all.flatMap(({ devices }) => devices),
    mounts: all.flatMap(({ mounts }) => mounts),
  };
}

const KNOWN = ['env', 'deviceNodes', 'mounts'];

function editsOf(edits: RawEdits, file: string): DeviceEdits {
  const other = Object.keys(edits).find((key) => !KNOWN.includes(key));
  if (other !== undefined)
    throw new BuildError('unsupported', `${file}: containerEdits.${other} is not supported`, {
      hint: `stave applies ${KNOWN.join(', ')}`,
    });
  return {
    env: edits.env ?? [],
    devices: (edits.deviceNodes ?? []).map((node) => deviceNode(node, file)),
    mounts: (edits.mounts ?? []).map(({ hostPath, containerPath, options = [] }) => ({
      source: hostPath,
      target: containerPath,
      readonly: options.includes('ro'),
    })),
  };
}

/** What the file leaves out is as on the host. */
function deviceNode(node: RawNode, file: string): DeviceNode {
  const { path, uid = 0, gid = 0 } = node;
  const stat = statSync(node.hostPath ?? path, { throwIfNoEntry: false });
  const type = node.type ?? (stat?.isBlockDevice() === true ? 'b' : 'c');
  const { rdev = 0, mode = 0o666 } = stat ?? {};
  const major = node.major ?? (rdev >> 8) & 0xfff;
  const minor = node.minor ?? (rdev & 0xff) | ((rdev >> 12) & 0xfff00);
  const given = node.major !== undefined && node.minor !== undefined;
  if ((stat === undefined && !given) || !(type === 'c' || type === 'b'))
    throw new BuildError('runtime', `${file}: the device ${node.hostPath ?? path} is not there`);
  return { path, type, major, minor, mode: (node.fileMode ?? mode) & 0o777, uid, gid };
}
