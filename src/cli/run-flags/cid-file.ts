import { existsSync, writeFileSync } from 'node:fs';
import { BuildError } from '../../model/error.js';
import type { RunOptions } from '../../model/run-options.js';

/** `--cidfile`: refuses one that is there; `write` puts the id into it. */
export function cidFile({ host }: RunOptions): { readonly write: (id: string) => void } {
  const file = host.ContainerIDFile ?? '';
  if (file === '') return { write: () => undefined };
  if (existsSync(file)) {
    throw new BuildError(
      'usage',
      `container ID file found, make sure the other container isn't running or delete ${file}`,
    );
  }
  return {
    write: (id) => {
      // Of two at once, one finds it there.
      writeFileSync(file, id, { flag: 'wx', mode: 0o644 });
    },
  };
}
