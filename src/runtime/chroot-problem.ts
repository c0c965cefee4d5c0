import { readFileSync } from 'node:fs';
import { type Blocked, UNCONFINED } from './blocked.js';
import { capabilityNumber } from './capabilities.js';

/** What it takes to put a step into a chroot, to make it another user, and to end it. */
const NEEDED = ['CAP_SYS_CHROOT', 'CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP', 'CAP_KILL'];

/** Why RUN cannot work in a chroot; undefined where it can. */
export function chrootProblem(
  status: () => string = () => readFileSync('/proc/self/status', 'latin1'),
): Blocked | undefined {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status())?.[1] ?? '0'}`);
  const missing = NEEDED.filter(
    (name) => ((effective >> BigInt(capabilityNumber(name))) & 1n) === 0n,
  );
  if (missing.length === 0) return undefined;
  if (missing.length === NEEDED.length)
    return { what: 'chroot(2) needs root, or CAP_SYS_CHROOT and its kin', remedy: UNCONFINED };
  const added = missing.map((name) => `--cap-add ${name.slice('CAP_'.length)}`).join(' ');
  return {
    what: `chroot(2) needs ${missing.join(', ')}, which this container was not given`,
    remedy: `start the container with ${added}`,
  };
}
