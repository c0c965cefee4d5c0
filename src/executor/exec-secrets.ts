import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../model/error.js';
import type { SecretMountSpec } from '../model/graph.js';
import { nearest } from '../model/nearest.js';
import { hostSource, type MountSource } from '../runtime/attach-mounts.js';
import type { Secrets } from './secrets.js';

/** The file of a secret mount, written to `directory` (a tmpfs); undefined when there is none to mount. */
export function secretFile(
  spec: SecretMountSpec,
  value: Buffer | undefined,
  directory: string,
  name: string,
): MountSource | undefined {
  if (spec.target === undefined || value === undefined) return undefined;
  const file = join(directory, name);
  const { uid, gid, mode } = spec.owner;
  writeFileSync(file, value, { flag: 'wx', mode: 0o600 });
  chownSync(file, uid, gid);
  chmodSync(file, mode & 0o777);
  const noexec = (mode & 0o111) === 0;
  return hostSource(spec.target, file, { readonly: true, nosuid: true, nodev: true, noexec });
}

/** `NAME=value` of a secret mount with `env=`; empty when the secret was not given. */
export function secretVariable(spec: SecretMountSpec, value: Buffer | undefined): string[] {
  if (spec.env === undefined) return [];
  const text = value?.toString() ?? '';
  if (!text.includes('\0')) return [`${spec.env}=${text}`];
  throw new BuildError('usage', `secret ${spec.id} holds a NUL byte: no variable can`, {
    hint: 'mount it as a file: leave out env=',
  });
}

/** Undefined for one that is not required and was not given. */
export function secretValue(spec: SecretMountSpec, secrets: Secrets): Buffer | undefined {
  const value = secrets.get(spec.id);
  if (value !== undefined || !spec.required) return value;
  const near = nearest(spec.id, secrets.ids);
  throw new BuildError('not-found', `secret ${spec.id}: not found`, {
    hint:
      near === undefined
        ? `give it with --secret id=${spec.id},src=FILE`
        : `--secret gives ${near}: is it meant?`,
  });
}
