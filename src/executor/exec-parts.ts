import type { Canonical } from '../model/canonical.js';
import type { ExecSpec, MountSpec } from '../model/graph.js';
import type { KeyPart } from '../model/op.js';
import { formatPlatform } from '../model/platform.js';
import type { RunSettings } from '../model/run-settings.js';
import { isSecretName } from '../model/secret-name.js';
import { inlineParts } from './inline-files.js';
import { part } from './parts.js';

/** Everything in a RUN's definition that changes its result, by name (FEATURES Q1). */
export function execParts(spec: ExecSpec, settings: RunSettings): KeyPart[] {
  const kept = spec.env.filter(({ origin }) => origin !== 'proxy');
  const { os, architecture, variant } = spec.platform;
  return [
    part('instruction text', spec.args, spec.args.join(' ')),
    ...(spec.script === undefined ? [] : inlineParts([spec.script])),
    ...kept.map(({ name, value, origin }) =>
      part(`${origin} ${name}`, value, isSecretName(name) ? undefined : value),
    ),
    part(
      'order of variables',
      kept.map(({ name }) => name),
    ),
    part('working directory', spec.cwd, spec.cwd),
    part('user', spec.user, spec.user === '' ? 'root' : spec.user),
    part('network', spec.network, spec.network),
    part('platform', [os, architecture, variant], formatPlatform(spec.platform)),
    ...unusual(spec, settings),
    ...spec.mounts.map(mountPart),
  ];
}

/** Said only when it is not the default, so that a plain RUN keeps its key whatever is added here. */
function unusual(spec: ExecSpec, settings: RunSettings): KeyPart[] {
  const { ulimits = [], addHosts = [], shmSize, cgroupParent } = settings;
  const limits = ulimits.map(({ name, soft, hard }) => `${name}=${String(soft)}:${String(hard)}`);
  // An address may differ from machine to machine: only names are in the key.
  const names = addHosts.map(({ name }) => name);
  return [
    ...(spec.security === 'sandbox' ? [] : [part('security', spec.security, spec.security)]),
    ...(spec.hostname === undefined ? [] : [part('hostname', spec.hostname, spec.hostname)]),
    ...(limits.length === 0 ? [] : [part('--ulimit', limits, limits.join(' '))]),
    ...(names.length === 0 ? [] : [part('--add-host', names, names.join(' '))]),
    ...(shmSize === undefined ? [] : [part('--shm-size', shmSize, String(shmSize))]),
    ...(cgroupParent === undefined ? [] : [part('--cgroup-parent', cgroupParent, cgroupParent)]),
  ];
}

function mountPart(mount: MountSpec, index: number): KeyPart {
  const where = mount.target ?? (mount.type === 'secret' ? `env ${mount.env ?? ''}` : '');
  const value = keyed(mount);
  return part(`--mount ${where}`, [index, value], shownMount(mount));
}

/** The options that are in the key; what is bound is told by its files. */
function shownMount(mount: MountSpec): string {
  const { type } = mount;
  switch (type) {
    case 'bind':
      return `${type} ${access(mount)}`;
    case 'cache':
      return `${type} ${access(mount)}${mount.source === '/' ? '' : ` source=${mount.source}`}`;
    case 'tmpfs':
      return `${type} ${access(mount)}${mount.size === 0 ? '' : ` size=${String(mount.size)}`}`;
    case 'secret':
    case 'ssh': {
      const env = type === 'secret' && mount.env !== undefined ? ` env=${mount.env}` : '';
      const { uid, gid, mode } = mount.owner;
      const owned = `${String(uid)}:${String(gid)} ${mode.toString(8)}`;
      return `${type} id=${mount.id}${env}${mount.required ? ' required' : ''} ${owned}`;
    }
  }
}

function access({ readonly }: { readonly readonly: boolean }): string {
  return readonly ? 'ro' : 'rw';
}

/**
 * What a mount changes by its definition. The content of a cache mount, its id and who shares it are not in a key, nor is
 * the value of a secret; what is bound is in it by its content.
 */
function keyed(mount: MountSpec): Canonical {
  const { type } = mount;
  switch (type) {
    case 'bind':
      return [type, mount.target, mount.readonly, mount.input];
    case 'cache':
      return [type, mount.target, mount.readonly, mount.input, mount.source];
    case 'tmpfs':
      return [type, mount.target, mount.readonly, mount.size];
    case 'secret':
      return [type, mount.id, mount.target, mount.env, mount.required, owner(mount.owner)];
    case 'ssh':
      return [type, mount.id, mount.target, mount.required, owner(mount.owner)];
  }
}

function owner({ uid, gid, mode }: { uid: number; gid: number; mode: number }): Canonical {
  return [uid, gid, mode];
}
