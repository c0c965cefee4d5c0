import type { HostConfig } from './host-config.js';
import type { PortRequest } from './network.js';
import type { RunConfig } from './oci.js';

/** What a container publishes: its bindings, and with `-P` every other port it exposes. Sorted by port. */
export function portRequests(
  { PortBindings, PublishAllPorts }: Pick<HostConfig, 'PortBindings' | 'PublishAllPorts'>,
  exposed: RunConfig['ExposedPorts'],
): readonly PortRequest[] {
  const all = PublishAllPorts ? Object.keys(exposed ?? {}) : [];
  const bindings = Object.entries(PortBindings).concat(
    all.filter((port) => PortBindings[port] === undefined).map((port) => [port, ANYWHERE]),
  );
  return bindings
    .flatMap(([port, places]) =>
      places.map(({ HostIp, HostPort }) => ({
        ...parsePort(port),
        hostIp: HostIp,
        ...hostPorts(HostPort),
      })),
    )
    .sort((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1));
}

const ANYWHERE = [{ HostIp: '', HostPort: '' }];

function hostPorts(text: string): { readonly hostPorts?: readonly [number, number] } {
  if (text === '') return {};
  const [first = '', last = first] = text.split('-');
  return first === '0' && last === '0' ? {} : { hostPorts: [Number(first), Number(last)] };
}

/** `80/tcp`, checked when it was asked for. */
export function parsePort(text: string): Pick<PortRequest, 'port' | 'protocol'> {
  const [port = '', protocol = 'tcp'] = text.split('/');
  return { port: Number(port), protocol: protocol as PortRequest['protocol'] }; // Checked then.
}
