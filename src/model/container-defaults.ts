import type { RunConfig } from './oci.js';

/** docker's PATH of a container whose image says none. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Where its processes begin. */
export function workingDir({ WorkingDir }: RunConfig): string {
  return WorkingDir === undefined || WorkingDir === '' ? '/' : WorkingDir;
}
