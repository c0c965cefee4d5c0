import { readdirSync, readlinkSync } from 'node:fs';

/**
 * Stops every process of a container's PID namespace until disposed. Processes that appear meanwhile are stopped too:
 * it looks again until it finds no new one.
 */
export function freezeContainer(init: number): Disposable {
  const namespace = namespaceOf(String(init));
  const stopped = new Set<string>();
  for (let found = true; found;) {
    found = false;
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (stopped.has(pid) || namespace === undefined || namespaceOf(pid) !== namespace) continue;
      stopped.add(pid);
      found = signal(pid, 'SIGSTOP');
    }
  }
  return {
    [Symbol.dispose]: () => {
      for (const pid of stopped) signal(pid, 'SIGCONT');
    },
  };
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined; // It ended meanwhile.
  }
}

function signal(pid: string, name: NodeJS.Signals): boolean {
  try {
    return process.kill(Number(pid), name);
  } catch {
    return false; // It ended meanwhile.
  }
}
