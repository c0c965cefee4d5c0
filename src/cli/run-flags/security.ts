import { readFileSync } from 'node:fs';
import { BuildError } from '../../model/error.js';
import type { DeviceMapping, HostConfig } from '../../model/host-config.js';
import type { ParsedFlags } from '../flags.js';
import type { FlagFamily } from './flag-family.js';
import { badValue, given, listOf } from './flag-values.js';

/** What a container may do to the machine. */
export const SECURITY: FlagFamily = {
  flags: [
    { name: 'cap-add', kind: 'list', value: 'CAPABILITY', help: 'Give a capability, or ALL' },
    { name: 'cap-drop', kind: 'list', value: 'CAPABILITY', help: 'Take a capability, or ALL' },
    {
      name: 'device',
      kind: 'list',
      value: 'PATH[:PATH][:rwm]',
      help: 'Give a device of the machine',
    },
    {
      name: 'device-cgroup-rule',
      kind: 'list',
      value: "'TYPE MAJOR:MINOR MODE'",
      help: 'Allow devices by number',
    },
    { name: 'group-add', kind: 'list', value: 'GROUP', help: 'Further groups of its user' },
    { name: 'privileged', kind: 'bool', help: 'All capabilities and devices, no seccomp filter' },
    { name: 'read-only', kind: 'bool', help: 'Its root cannot be written to' },
    {
      name: 'security-opt',
      kind: 'list',
      value: 'OPTION',
      help: 'no-new-privileges, seccomp=unconfined|FILE, systempaths=unconfined, writable-cgroups',
    },
    { name: 'sysctl', kind: 'list', value: 'NAME=VALUE', help: 'Kernel parameter of a namespace' },
  ],
  read: (flags) => {
    const { options, unhidden } = securityOptions(flags.list('security-opt'));
    return {
      host: {
        CapAdd: listOf(flags, 'cap-add'),
        CapDrop: listOf(flags, 'cap-drop'),
        Devices: flags.list('device').map(deviceOf),
        DeviceCgroupRules: rulesOf(flags),
        GroupAdd: listOf(flags, 'group-add'),
        Privileged: flags.bool('privileged'),
        ReadonlyRootfs: flags.bool('read-only'),
        SecurityOpt: options.length === 0 ? null : options,
        ...(unhidden ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
        ...given<Pick<HostConfig, 'Sysctls'>>({ Sysctls: sysctlsOf(flags) }),
      },
    };
  },
};

function securityOptions(list: readonly string[]): {
  readonly options: readonly string[];
  readonly unhidden: boolean;
} {
  const hidden = 'systempaths=unconfined';
  return {
    options: list.filter((option) => option !== hidden).map(securityOption),
    unhidden: list.includes(hidden),
  };
}

const ALONE = ['no-new-privileges', 'writable-cgroups', 'disable'];

/** A profile travels by its content, so that a later start does not depend on the file. */
function securityOption(option: string): string {
  if (ALONE.includes(option)) return option;
  const [, name = '', value = ''] = /^([^=:]*)[=:](.*)$/s.exec(option) ?? [];
  if (value === '') throw new BuildError('usage', `invalid --security-opt: ${quote(option)}`);
  if (name !== 'seccomp' || value === 'unconfined' || value === 'builtin') return option;
  return `seccomp=${profileText(value)}`;
}

function profileText(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^[A-Z]+: /, '') : '';
    throw new BuildError('usage', `opening seccomp profile (${file}) failed: ${why}`);
  }
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    const why = error instanceof Error ? error.message : '';
    throw new BuildError('usage', `compacting json for seccomp profile (${file}) failed: ${why}`);
  }
}

const MODE = /^(?!.*(.).*\1)[rwm]+$/;

/** `PATH`, `PATH:MODE`, `PATH:PATH`, `PATH:PATH:MODE`. */
function deviceOf(text: string): DeviceMapping {
  const [source = '', second, third, ...more] = text.split(':');
  const invalid = (why: string): BuildError => new BuildError('usage', why);
  if (source === '' || more.length > 0) throw invalid(`bad format for path: ${text}`);
  if (third !== undefined && !MODE.test(third)) throw invalid(`bad mode specified: ${third}`);
  const alone = second === undefined || (third === undefined && MODE.test(second));
  const target = alone ? source : second;
  if (!target.startsWith('/')) throw invalid(`${target} is not an absolute path`);
  const mode = third ?? (alone ? second : undefined) ?? 'rwm';
  return { PathOnHost: source, PathInContainer: target, CgroupPermissions: mode };
}

function rulesOf(flags: ParsedFlags): readonly string[] | null {
  for (const rule of flags.list('device-cgroup-rule')) {
    if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(rule))
      throw badValue('--device-cgroup-rule', rule, `invalid device cgroup format '${rule}'`);
  }
  return listOf(flags, 'device-cgroup-rule');
}

const SYSCTLS =
  /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|(net|fs\.mqueue)\.[\w./-]+)$/;

function sysctlsOf(flags: ParsedFlags): Readonly<Record<string, string>> | undefined {
  const list = flags.list('sysctl');
  if (list.length === 0) return undefined;
  return Object.fromEntries(
    list.map((text): [string, string] => {
      const cut = text.indexOf('=');
      const [name, value] = [text.slice(0, Math.max(0, cut)), text.slice(cut + 1)];
      // A name is a path below /proc/sys: it must not climb.
      if (SYSCTLS.test(name) && !/[./]{2}/.test(name) && !/[\n\0]/.test(value))
        return [name, value];
      throw badValue('--sysctl', text, `sysctl '${text}' is not allowed`);
    }),
  );
}

function quote(text: string): string {
  return JSON.stringify(text);
}
