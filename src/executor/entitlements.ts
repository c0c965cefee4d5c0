import { BuildError } from '../model/error.js';
import type { ExecSpec } from '../model/graph.js';

/** What a RUN may ask beyond the sandbox needs a word on the command line too (BuildKit's entitlements). Devices: `devicesOf`. */
export function checkEntitlements(spec: ExecSpec, allow: readonly string[]): void {
  if (spec.network === 'host') need('network.host', 'RUN --network=host', allow);
  if (spec.security === 'insecure') need('security.insecure', 'RUN --security=insecure', allow);
}

function need(entitlement: string, what: string, allow: readonly string[]): void {
  if (!allow.includes(entitlement)) throw refused(entitlement, what);
}

function refused(entitlement: string, what: string): BuildError {
  return new BuildError('usage', `${what}: ${entitlement} is not allowed`, {
    hint: `if you trust this Dockerfile, allow it: --allow ${entitlement}`,
  });
}
