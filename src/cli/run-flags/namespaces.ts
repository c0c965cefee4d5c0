import { BuildError } from '../../model/error.js';
import type { ParsedFlags } from '../flags.js';
import type { FlagFamily } from './flag-family.js';
import { given } from './flag-values.js';

/** What a container shares with the machine or another container. */
export const NAMESPACES: FlagFamily = {
  flags: [
    { name: 'cgroup-parent', kind: 'text', value: 'CGROUP', help: 'Parent of its cgroup' },
    { name: 'cgroupns', kind: 'text', value: 'host|private', help: 'Its cgroup namespace' },
    { name: 'ipc', kind: 'text', value: 'MODE', help: 'private, shareable, none or host' },
    { name: 'pid', kind: 'text', value: 'host|container:NAME', help: 'Whose processes it sees' },
    { name: 'userns', kind: 'text', value: 'host', help: 'Its user namespace' },
    { name: 'uts', kind: 'text', value: 'host', help: 'Whose host name it has' },
  ],
  read: (flags) => ({
    host: given({
      CgroupParent: flags.text('cgroup-parent'),
      CgroupnsMode: mode(flags, 'cgroupns', 'CGROUP', /^(host|private)$/),
      IpcMode: ipcMode(flags),
      PidMode: mode(flags, 'pid', 'PID', /^(host|container:.+)$/),
      UsernsMode: mode(flags, 'userns', 'USER', /^host$/),
      UTSMode: mode(flags, 'uts', 'UTS', /^host$/),
    }),
  }),
};

function mode(flags: ParsedFlags, name: string, kind: string, valid: RegExp): string | undefined {
  const text = flags.text(name);
  if (text === undefined || text === '') return undefined;
  if (valid.test(text)) return text;
  throw new BuildError('usage', `--${name}: invalid ${kind} mode`, {
    hint: `it may be ${valid.source
      .replace(/[\^$()]/g, '')
      .replace('.+', 'NAME')
      .replaceAll('|', ', ')}`,
  });
}

function ipcMode(flags: ParsedFlags): string | undefined {
  const text = flags.text('ipc');
  if (text === undefined || text === '') return undefined;
  if (/^container:.+$/.test(text)) {
    throw new BuildError('unsupported', `--ipc ${text} is not supported`, {
      hint: "another container's /dev/shm is in a mount namespace of its own: share --ipc host, or a volume",
    });
  }
  if (/^(none|private|shareable|host)$/.test(text)) return text;
  throw new BuildError('usage', `invalid IPC mode: ${text}`, {
    hint: 'it may be private, shareable, none or host',
  });
}
