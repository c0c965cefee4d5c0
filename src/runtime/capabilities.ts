import { readFileSync } from 'node:fs';
import { BuildError } from '../model/error.js';
import { nearest } from '../model/nearest.js';

/** Docker's default capabilities, mask 0xa80425fb (moby, daemon/pkg/oci/caps). */
export const DEFAULT_CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
]
  .concat(['SETFCAP', 'SETPCAP', 'NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE'])
  .map((name) => `CAP_${name}`);

/** capability.h of Linux 5.9 and later, in its order. */
const NAMES = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE ' +
  'NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT ' +
  'SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE ' +
  'AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ ' +
  'PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`);

/** Of capability.h. */
export function capabilityNumber(name: string): number {
  return NAMES.indexOf(name);
}

/** All that this process may hand on: inside a container of somebody's, not all there are. */
export function everyCapability(): readonly string[] {
  const line = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  const bounding = BigInt(`0x${line?.[1] ?? '0'}`);
  return NAMES.filter((_, bit) => ((bounding >> BigInt(bit)) & 1n) === 1n);
}

/** `net_admin`, `CAP_NET_ADMIN`, `ALL` in the kernel's spelling. Throws BuildError `usage` in docker's words. */
export function normalCapabilities(names: readonly string[], where: string): readonly string[] {
  return names.map((given) => {
    const upper = given.toUpperCase();
    const name = upper === ALL || upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
    if (name === ALL || NAMES.includes(name)) return name;
    const near = nearest(name, NAMES);
    throw new BuildError(
      'usage',
      `invalid ${where}: unknown capability: ${JSON.stringify(name)}`,
      near === undefined ? {} : { hint: `did you mean ${near}?` },
    );
  });
}

const ALL = 'ALL';

/** Docker's default with some added and dropped (moby, TweakCapabilities). */
export function tweakedCapabilities(
  added: readonly string[],
  dropped: readonly string[],
): readonly string[] {
  const [add, drop] = [normalCapabilities(added, 'CapAdd'), normalCapabilities(dropped, 'CapDrop')];
  if (add.includes(ALL)) return everyCapability().filter((name) => !drop.includes(name));
  const kept = drop.includes(ALL)
    ? []
    : DEFAULT_CAPABILITIES.filter((name) => !drop.includes(name));
  return [...new Set([...kept, ...add])];
}
