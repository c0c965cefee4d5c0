import { BuildError } from '../../model/error.js';
import type { RunConfig } from '../../model/oci.js';
import type { ParsedFlags } from '../flags.js';
import type { FlagFamily } from './flag-family.js';
import { badValue, given, mapOf, wholeOf } from './flag-values.js';

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
    { name: 'stop-timeout', kind: 'text', value: 'SECONDS', help: 'How long stop waits' },
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
  const other = Object.keys(options)[0];
  if (other !== undefined) {
    throw new BuildError('unsupported', `--log-opt ${other} is not supported`, {
      hint: 'logs are kept whole until the container is removed',
    });
  }
  return { Type: driver, Config: options };
}
