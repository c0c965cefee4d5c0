import { nearest } from '../model/nearest.js';
import type { InstructionBody } from './instruction.js';
import { Problem } from './problem.js';
import { readDevice } from './run-device.js';
import { checkMount } from './run-mount.js';
import type { Source } from './source-text.js';
import { formOf } from './split.js';

const NETWORKS = ['default', 'none', 'host'] as const;
const SECURITY = ['sandbox', 'insecure'] as const;

export function readRun({ text, flags, heredocs }: Source): InstructionBody {
  if (text === '') throw new Problem('RUN requires at least one argument');
  const form = formOf(text);
  if (form.json && form.args.length === 0) throw new Problem('RUN requires at least one argument');
  const mounts = flags.list('mount');
  for (const mount of mounts) checkMount(mount);
  const network = flags.text('network');
  const security = flags.text('security');
  return {
    kind: 'run',
    form,
    heredocs,
    mounts,
    ...(network === undefined ? {} : { network: oneOf(network, NETWORKS, 'network mode') }),
    security: security === undefined ? 'sandbox' : oneOf(security, SECURITY, 'security mode'),
    devices: flags.list('device').map(readDevice),
  };
}

function oneOf<T extends string>(value: string, allowed: readonly T[], what: string): T {
  const found = allowed.find((each) => each === value);
  if (found !== undefined) return found;
  const near = nearest(value, allowed);
  throw new Problem(`invalid ${what} ${JSON.stringify(value)}`, {
    hint: near === undefined ? `use ${listed(allowed)}` : `did you mean ${near}?`,
  });
}

function listed(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
}
