import { isIP } from 'node:net';
import { BuildError } from '../../model/error.js';
import type { ExtraHost } from '../../model/run-settings.js';

/** RUN is on the host's own network: its gateway to the host is the loopback address. */
const HOST_GATEWAY = '127.0.0.1';

/** `--add-host NAME:IP`, `NAME=IP`, `NAME:[v6]`, `NAME:host-gateway`. */
export function hostsOf(values: readonly string[]): readonly ExtraHost[] {
  return values.map(hostOf);
}

function hostOf(text: string): ExtraHost {
  const match = /^([A-Za-z0-9_][A-Za-z0-9_.-]*)[=:](.+)$/.exec(text);
  const [, name = '', written = ''] = match ?? [];
  const address = written === 'host-gateway' ? HOST_GATEWAY : written.replace(/^\[(.*)\]$/, '$1');
  if (match !== null && isIP(address) !== 0) return { name, address };
  throw new BuildError('usage', `invalid --add-host ${JSON.stringify(text)}`, {
    hint: 'write NAME:IP, for example --add-host db:10.0.0.5 or --add-host db=[::1]',
  });
}
