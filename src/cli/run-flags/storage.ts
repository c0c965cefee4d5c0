import { resolve } from 'node:path';
import { BuildError } from '../../model/error.js';
import type { ParsedFlags } from '../flags.js';
import type { FlagFamily } from './flag-family.js';
import { given, listOf } from './flag-values.js';
import { parseMount } from './mount-flag.js';

/** What is mounted into a container. */
export const STORAGE: FlagFamily = {
  flags: [
    {
      name: 'mount',
      kind: 'list',
      value: 'type=TYPE,target=PATH[,...]',
      help: 'Mount a bind, volume or tmpfs',
    },
    { name: 'tmpfs', kind: 'list', value: 'PATH[:OPTIONS]', help: 'Mount an empty tmpfs' },
    {
      name: 'volume',
      short: 'v',
      kind: 'list',
      value: '[SOURCE:]PATH[:OPTIONS]',
      help: 'Mount a directory of the machine, or a volume',
    },
    {
      name: 'volumes-from',
      kind: 'list',
      value: 'CONTAINER[:ro]',
      help: 'Mount what another container has mounted',
    },
  ],
  read: (flags) => {
    const specs = flags.list('volume').map(volumeSpec);
    const binds = specs.filter(({ anonymous }) => !anonymous).map(({ spec }) => spec);
    const volumes = specs.filter(({ anonymous }) => anonymous).map(({ spec }) => spec);
    const mounts = flags.list('mount').map(parseMount);
    return {
      volumes,
      host: {
        Binds: binds.length === 0 ? null : binds,
        VolumesFrom: listOf(flags, 'volumes-from'),
        ...given({
          Mounts: mounts.length === 0 ? undefined : mounts,
          Tmpfs: tmpfsOf(flags),
        }),
      },
    };
  },
};

/** A relative source is relative to where the command runs. */
function volumeSpec(text: string): { readonly spec: string; readonly anonymous: boolean } {
  if (text === '') throw new BuildError('usage', 'invalid empty volume spec');
  const parts = text.split(':');
  const invalid = (why: string): BuildError =>
    new BuildError('usage', `invalid spec: ${text}: ${why}`);
  if (parts.some((part) => part === '')) throw invalid('empty section between colons');
  if (parts.length > 3) throw invalid('too many colons');
  const [source = '', ...rest] = parts;
  if (rest.length === 0) return { spec: text, anonymous: true };
  const path = source.startsWith('.') ? resolve(source) : source;
  return { spec: [path, ...rest].join(':'), anonymous: false };
}

function tmpfsOf(flags: ParsedFlags): Readonly<Record<string, string>> | undefined {
  const list = flags.list('tmpfs');
  if (list.length === 0) return undefined;
  return Object.fromEntries(
    list.map((text) => {
      const cut = text.indexOf(':');
      return cut === -1 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)];
    }),
  );
}
