import { closeSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { userNamespaceName } from './sys/privileges.js';

/*
 * A rootless container belongs to the user namespace of the command that started it; only who is in that one can enter
 * or signal its processes. So commands join each other's (bin/rootless.sh): who is in it is listed in the store, by pid
 * and name of the namespace, and so are containers.
 */

/** Descriptors bin/rootless.sh leaves open, always: of the namespace it joined, and of the lock it holds. */
const LEFT_OPEN = [8, 9];

/** Lists this process, if its commands may touch containers, and lets the next one start. */
export function joinUserNamespace(env: NodeJS.ProcessEnv): void {
  const members = env['STAVE_USER_NAMESPACES'];
  if (members === undefined) return;
  delete env['STAVE_USER_NAMESPACES'];
  try {
    const member = join(members, String(process.pid));
    writeFileSync(member, `${userNamespaceName()}\n`, { mode: 0o600 });
    process.on('exit', () => {
      rmSync(member, { force: true });
    });
  } finally {
    for (const fd of LEFT_OPEN) closeSync(fd);
  }
}
