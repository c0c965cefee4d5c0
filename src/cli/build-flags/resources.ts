import { BuildError } from '../../model/error.js';
import { nearest } from '../../model/nearest.js';
import type { RunResources } from '../../model/run-settings.js';
import type { FlagSpec, ParsedFlags } from '../flags.js';
import { bytesOf } from './ulimits.js';

type Read = (text: string, flag: string) => RunResources;

/** Each limit, as `--resource` names it and as docker's old flag does. */
const LIMITS: Readonly<Record<string, { readonly read: Read; readonly help: string }>> = {
  memory: { read: (text, flag) => ({ memory: bytesOf(flag, text) }), help: 'Memory of RUN' },
  'memory-swap': {
    read: (text, flag) => ({ memorySwap: text === '-1' ? -1 : bytesOf(flag, text) }),
    help: 'Memory and swap of RUN together; -1 is unlimited',
  },
  'cpu-shares': {
    read: (text, flag) => ({ cpuShares: count(text, flag) }),
    help: 'Relative weight of RUN',
  },
  'cpu-period': {
    read: (text, flag) => ({ cpuPeriod: count(text, flag) }),
    help: 'Microseconds of a CPU period',
  },
  'cpu-quota': {
    read: (text, flag) => ({ cpuQuota: count(text, flag) }),
    help: 'Microseconds of CPU in a period',
  },
  'cpuset-cpus': {
    read: (text, flag) => ({ cpusetCpus: set(text, flag) }),
    help: 'CPUs of RUN: 0-2,4',
  },
  'cpuset-mems': {
    read: (text, flag) => ({ cpusetMems: set(text, flag) }),
    help: 'Memory nodes of RUN: 0-1',
  },
};

const SHORT: Readonly<Record<string, string>> = { memory: 'm', 'cpu-shares': 'c' };

export const RESOURCE_FLAGS: readonly FlagSpec[] = [
  { name: 'resource', kind: 'list', value: 'LIMIT=VALUE[,...]', help: 'Limits of RUN' },
  ...Object.entries(LIMITS).map(([name, { help }]): FlagSpec => {
    const short = SHORT[name];
    return { name, kind: 'text', value: 'VALUE', help, ...(short === undefined ? {} : { short }) };
  }),
];

/** `--resource memory=1g,cpu-quota=50000`, and the flags of the same names. */
export function resourcesOf(flags: ParsedFlags): RunResources {
  const given = Object.keys(LIMITS).flatMap((name) => {
    const text = flags.text(name);
    return text === undefined ? [] : [[name, text, `--${name}`] as const];
  });
  const listed = flags.list('resource').flatMap((value) => value.split(',').map(field));
  const limits = [...given, ...listed].map(([name, text, flag]) => LIMITS[name]?.read(text, flag));
  return Object.assign({}, ...limits) as RunResources; // Object.assign knows no type for a spread list.
}

function field(text: string): readonly [name: string, value: string, flag: string] {
  const cut = text.indexOf('=');
  const name = cut === -1 ? text : text.slice(0, cut);
  if (cut !== -1 && Object.hasOwn(LIMITS, name))
    return [name, text.slice(cut + 1), `--resource ${name}`];
  const near = nearest(name, Object.keys(LIMITS));
  const names = `limits are ${Object.keys(LIMITS).join(', ')}`;
  const hint = near === undefined || near === name ? names : `did you mean ${near}?`;
  throw new BuildError('usage', `invalid --resource ${JSON.stringify(text)}`, { hint });
}

function count(text: string, flag: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new BuildError('usage', `invalid ${flag} ${JSON.stringify(text)}: not a number`);
}

function set(text: string, flag: string): string {
  if (/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) return text;
  throw new BuildError('usage', `invalid ${flag} ${JSON.stringify(text)}`, {
    hint: 'write numbers and ranges: 0-2,4',
  });
}
