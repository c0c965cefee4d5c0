import { sys } from '../sys/sys.js';
import { type Prepared, prepareRuntime, type RuntimeOptions } from './prepare.js';

/** Runtimes made ready at their first use, each once, and given back at the end. */
export interface PreparedRuntimes extends AsyncDisposable {
  /** Of a name, or the first there is. */
  readonly get: (runtime?: string) => Promise<Prepared>;
}

export function prepareOnce(options: RuntimeOptions): PreparedRuntimes {
  const prepared = new Map<string, Promise<Prepared>>();
  return {
    get: (runtime) => {
      const found = prepared.get(runtime ?? '') ?? prepareRuntime(options, runtime);
      prepared.set(runtime ?? '', found);
      return found;
    },
    [Symbol.asyncDispose]: async () => {
      const all = [...prepared.values()];
      prepared.clear();
      for (const each of all) {
        const made = await each.catch(() => undefined);
        if (made !== undefined) sys().umount(made.dir);
      }
    },
  };
}
