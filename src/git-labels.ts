import { isAbsolute, relative } from 'node:path';
import { vcsFacts } from './vcs-facts.js';

interface Where {
  /** The context is a directory of the user's. */
  readonly local: boolean;
  readonly dir: string;
  /** Path of the Dockerfile, or what it came from. */
  readonly dockerfile: string;
}

/** buildx' labels of a checkout, if BUILDX_GIT_LABELS asks for them (`1`, or `full` as it once was). */
export function gitLabels(
  { local, dir, dockerfile }: Where,
  { BUILDX_GIT_LABELS: wanted = '' }: NodeJS.ProcessEnv,
): Readonly<Record<string, string>> {
  const found = local && /^(1|t|true|full)$/i.test(wanted) ? vcsFacts(dir) : undefined;
  if (found === undefined) return {};
  const { root, source, revision } = found;
  const path = isAbsolute(dockerfile) ? relative(root, dockerfile) : '..';
  return {
    ...(revision === undefined ? {} : { 'org.opencontainers.image.revision': revision }),
    ...(source === undefined ? {} : { 'org.opencontainers.image.source': source }),
    ...(path.startsWith('..') ? {} : { 'com.docker.image.source.entrypoint': path }),
  };
}
