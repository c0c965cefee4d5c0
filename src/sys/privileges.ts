import { readFileSync, readlinkSync } from 'node:fs';

/** What the kernel lets this process do, whatever its uid. */
export interface Privileges {
  /**
   * Ids files can be given: every one (root of the machine), those a user namespace maps, or none but our own.
   */
  readonly ids: 'all' | 'mapped' | 'own';
  /** How many ids there are in our user namespace, from 0 on. */
  readonly idCount: number;
  /**
   * Not in the machine's user namespace: devices are only names, no `trusted.` attributes, no cgroups, no sysfs of the
   * machine's network.
   */
  readonly userNamespace: boolean;
  /** CAP_SYS_ADMIN in our user namespace. */
  readonly admin: boolean;
  /** The machine's interfaces and packet filter are ours to change. */
  readonly network: boolean;
  /** CAP_DAC_OVERRIDE: modes are for others. */
  readonly overrides: boolean;
  /** Bits that files are made without. */
  readonly umask: number;
}

let found: Privileges | undefined;

export function privileges(): Privileges {
  found ??= read();
  return found;
}

const CAP_CHOWN = 0n;
const CAP_DAC_OVERRIDE = 1n;
const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

function read(): Privileges {
  const map = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).map(Number);
  const status = readFileSync('/proc/self/status', 'latin1');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const has = (capability: bigint): boolean => (effective & (1n << capability)) !== 0n;
  const userNamespace = map.join(' ') !== '0 0 4294967295';
  const count = map.filter((_, i) => i % 3 === 2).reduce((sum, length) => sum + length, 0);
  const mapped = count > 1 ? 'mapped' : 'own';
  const given = userNamespace ? mapped : 'all';
  return {
    ids: has(CAP_CHOWN) ? given : 'own',
    idCount: count,
    userNamespace,
    admin: has(CAP_SYS_ADMIN),
    overrides: has(CAP_DAC_OVERRIDE),
    umask: parseInt(/^Umask:\s*([0-7]+)$/m.exec(status)?.[1] ?? '777', 8),
    network: has(CAP_NET_ADMIN) && !userNamespace,
  };
}

/** Overlay's mark of an opaque directory: in a user namespace it reads another than the machine's root may set. */
export function opaqueXattr(): 'trusted.overlay.opaque' | 'user.overlay.opaque' {
  const { admin, userNamespace } = privileges();
  return admin && !userNamespace ? 'trusted.overlay.opaque' : 'user.overlay.opaque';
}

/** `user:[4026531837]`: which user namespace this is. */
export function userNamespaceName(): string {
  return readlinkSync('/proc/self/ns/user');
}
