import { BuildError } from '../../model/error.js';
import type { RunConfig } from '../../model/oci.js';
import { ramInBytes } from '../../model/units.js';
import type { ParsedFlags } from '../flags.js';
import type { FlagFamily } from './flag-family.js';
import { badValue, given, mapOf, notWhole, wholeOf } from './flag-values.js';

/** How its first process is run and ended. */
export const PROCESS: FlagFamily = {
  flags: [
    { name: 'annotation', kind: 'list', value: 'NAME=VALUE', help: 'Passed on to the runtime' },
    { name: 'domainname', kind: 'text', value: 'NAME', help: 'NIS domain name' },
    { name: 'init', kind: 'bool', help: 'An init that forwards signals and reaps processes' },
    {
      name: 'log-driver',
      kind: 'text',
      value: 'DRIVER',
      help: 'json-file, local (both: a log that `logs` reads) or none',
    },
    { name: 'log-opt', kind: 'list', value: 'NAME=VALUE', help: 'Options of the log driver' },
    { name: 'runtime', kind: 'text', value: 'NAME', help: 'crun or runc' },
    {
      name: 'stop-timeout',
      kind: 'text',
      value: 'SECONDS',
      help: 'How long stop waits',
      check: notWhole,
    },
  ],
  read: (flags) => ({
    ...given({ domainname: flags.text('domainname') }),
    config: given<RunConfig>({ StopTimeout: wholeOf(flags, 'stop-timeout') }),
    host: {
      ...given({
        Annotations: annotations(flags),
        Runtime: flags.text('runtime'),
        Init: flags.text('init') === undefined ? undefined : flags.bool('init'),
      }),
      LogConfig: logConfig(flags),
    },
  }),
};

function annotations(flags: ParsedFlags): Readonly<Record<string, string>> | undefined {
  const map = mapOf(flags, 'annotation');
  if (map !== undefined && Object.hasOwn(map, ''))
    throw badValue('--annotation', '', 'the empty string is not permitted as an annotation key');
  return map;
}

/** A log is one file, which begins anew when it is too long: as docker's with one file. */
function checkLogOptions(driver: string, options: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (name === 'max-size') {
      const bytes = ramInBytes(value);
      if (value !== '-1' && (bytes === undefined || bytes < LEAST_LOG)) {
        const hint = `at least ${String(LEAST_LOG)} bytes, as 10m; -1 is unlimited`;
        throw new BuildError('usage', `invalid value for max-size: ${JSON.stringify(value)}`, {
          hint,
        });
      }
    } else if (name === 'max-file') {
      if (!/^[1-9]\d{0,5}$/.test(value))
        throw new BuildError('usage', `invalid value for max-file: ${JSON.stringify(value)}`);
      if (value === '1') continue;
      throw new BuildError('unsupported', `--log-opt max-file=${value} is not supported`, {
        hint: 'one file is kept, which begins anew at max-size',
      });
    } else {
      const what = `unknown log opt '${name}' for ${driver} log driver`;
      throw new BuildError('unsupported', what, { hint: 'max-size and max-file=1 are known' });
    }
  }
}

const LEAST_LOG = 16_384;

function logConfig(flags: ParsedFlags) {
  const driver = flags.text('log-driver') ?? 'json-file';
  const options = mapOf(flags, 'log-opt') ?? {};
  if (driver === 'none' && Object.keys(options).length > 0)
    throw new BuildError('usage', 'invalid logging opts for driver none');
  if (!['json-file', 'local', 'none'].includes(driver)) {
    throw new BuildError('unsupported', `log driver ${JSON.stringify(driver)} is not supported`, {
      hint: 'there is no daemon to ship logs: json-file, local and none are known',
    });
  }
  checkLogOptions(driver, options);
  return { Type: driver, Config: options };
}
