import type { FlagSpec } from '../flags.js';

/** docker's flags of `run` that are not there yet; a flag that comes leaves this list. */
const LATER: readonly (readonly [name: string, short?: string])[] = [
  // Networks.
  // Lifecycle.
];

/** What will not come, and why. */
const WHY: Readonly<Record<string, string>> = {
  'cpu-count': 'it is of Windows',
  'cpu-percent': 'it is of Windows',
  gpus: 'the device requests of docker need a plugin of its daemon; give devices by --device',
  'io-maxbandwidth': 'it is of Windows',
  'io-maxiops': 'it is of Windows',
  isolation: 'it is of Windows',
  link: 'containers of one network find each other by name; see stave network create',
  'link-local-ip': 'networks here have no addresses of that kind',
  'kernel-memory': 'Linux has it no more',
  'storage-opt': 'a quota needs a project quota of the filesystem below',
  'use-api-socket': 'there is no daemon whose socket could be given',
  'volume-driver': 'volumes are directories of the store: there are no drivers',
};

export const REFUSED_FLAGS: readonly FlagSpec[] = LATER.map(([name, short]): FlagSpec => ({
  name,
  kind: 'text',
  help: '',
  later: true,
  ...(short === undefined ? {} : { short }),
})).concat(
  Object.entries(WHY).map(([name, refused]): FlagSpec => ({
    name,
    kind: 'text',
    help: '',
    refused,
  })),
);
