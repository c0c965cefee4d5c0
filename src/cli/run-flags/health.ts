import { BuildError } from '../../model/error.js';
import { goDuration } from '../../model/go-duration.js';
import type { Healthcheck } from '../../model/oci.js';
import type { FlagSpec, ParsedFlags } from '../flags.js';
import type { FlagFamily } from './flag-family.js';
import { badValue, given, notWhole, wholeOf } from './flag-values.js';

const DURATIONS = [
  ['health-interval', 'Interval', 'Time from one check to the next (default 30s)'],
  ['health-timeout', 'Timeout', 'How long one may take (default 30s)'],
  ['health-start-period', 'StartPeriod', 'While it starts, a check that fails counts nothing'],
  ['health-start-interval', 'StartInterval', 'Time between checks then (default 5s)'],
] as const;

/** How it is found out whether a container is well. */
export const HEALTH: FlagFamily = {
  flags: [
    {
      name: 'health-cmd',
      kind: 'text',
      value: 'COMMAND',
      help: 'Run in it to see if it is healthy',
    },
    ...DURATIONS.map(([name, , help]): FlagSpec => ({
      name,
      kind: 'text',
      value: 'DURATION',
      help,
    })),
    {
      name: 'health-retries',
      kind: 'text',
      value: 'N',
      help: 'Failures in a row that make it unhealthy (default 3)',
      check: notWhole,
    },
    { name: 'no-healthcheck', kind: 'bool', help: "Without the image's HEALTHCHECK" },
  ],
  read: (flags) => {
    const check = healthcheck(flags);
    return check === undefined ? {} : { config: { Healthcheck: check } };
  },
};

function healthcheck(flags: ParsedFlags): Healthcheck | undefined {
  const command = flags.text('health-cmd') ?? '';
  const settings = {
    ...(command === '' ? {} : { Test: ['CMD-SHELL', command] }),
    ...Object.fromEntries(DURATIONS.map(([name, key]) => [key, duration(flags, name)])),
    Retries: retries(flags),
  };
  const asked = given<Healthcheck>(settings);
  const some = Object.values(asked).some((value) => value !== 0);
  if (!flags.bool('no-healthcheck')) return some ? asked : undefined;
  if (some) throw new BuildError('usage', '--no-healthcheck conflicts with --health-* options');
  return { Test: ['NONE'] };
}

function duration(flags: ParsedFlags, name: string): number | undefined {
  const text = flags.text(name);
  if (text === undefined) return undefined;
  const [sign = ''] = /^[+-]/.exec(text) ?? [];
  const ns = goDuration(text.slice(sign.length));
  if (ns === undefined)
    throw badValue(`--${name}`, text, `time: invalid duration ${JSON.stringify(text)}`);
  if (sign === '-' && ns > 0) throw negative(name);
  if (ns === 0 || ns >= 1e6) return ns;
  const [, key = ''] = DURATIONS.find(([flag]) => flag === name) ?? [];
  throw new BuildError('usage', `${key} in Healthcheck cannot be less than 1ms`);
}

function retries(flags: ParsedFlags): number | undefined {
  const count = wholeOf(flags, 'health-retries');
  if (count !== undefined && count < 0) throw negative('health-retries');
  return count;
}

function negative(name: string): BuildError {
  return new BuildError('usage', `--${name} cannot be negative`);
}
