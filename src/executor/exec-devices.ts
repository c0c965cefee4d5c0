import { BuildError } from '../model/error.js';
import type { DeviceRequest } from '../model/graph.js';
import { nearest } from '../model/nearest.js';
import type { KeyPart } from '../model/op.js';
import { type CdiDevice, cdiDevices, type DeviceEdits, matchDevices } from '../runtime/cdi.js';
import { part } from './parts.js';

/** The devices of a RUN (CDI): a request that is not required may find nothing. Throws BuildError else. */
export function devicesOf(
  requests: readonly DeviceRequest[],
  allow: readonly string[],
): readonly CdiDevice[] {
  const all = cdiDevices();
  const found = requests.flatMap((request) => {
    const devices = matchDevices(all, request.name);
    if (devices.length === 0 && request.required) throw notFound(request.name, all);
    for (const device of devices) checkAllowed(device, request.name, allow);
    return devices;
  });
  return [...new Set(found)];
}

function checkAllowed(device: CdiDevice, request: string, allow: readonly string[]): void {
  const names = ['device', `device=${device.name}`, `device=${request}`, `device=${device.kind}`];
  if (device.autoAllow || names.some((name) => allow.includes(name))) return;
  throw new BuildError('usage', `RUN --device=${request}: device ${device.name} is not allowed`, {
    hint: `if you trust this Dockerfile, allow it: --allow device=${device.name}`,
  });
}

function notFound(name: string, all: readonly CdiDevice[]): BuildError {
  const near = nearest(
    name,
    all.map((device) => device.name),
  );
  return new BuildError('not-found', `required device ${name} is not registered`, {
    hint:
      near === undefined
        ? 'devices are described by files in /etc/cdi and /var/run/cdi'
        : `did you mean ${near}?`,
  });
}

export function deviceParts(requests: readonly DeviceRequest[]): KeyPart[] {
  return requests.map(({ name, required }) =>
    part(`--device ${name}`, [name, required], required ? 'required' : 'optional'),
  );
}

export function deviceEdits(devices: readonly CdiDevice[]): DeviceEdits {
  const edits = devices.map((device) => device.edits());
  return {
    env: edits.flatMap(({ env }) => env),
    devices: edits.flatMap((each) => each.devices),
    mounts: edits.flatMap(({ mounts }) => mounts),
  };
}
