import { basename, dirname, relative } from 'node:path';
import type { BuildFacts } from './build-record.js';

const DEFAULT_NAME = /(^|\/)Dockerfile$/;

/** What a list calls a build, as buildx does: its context's directory, the Dockerfile if it is another, the target. */
export function buildName(facts: BuildFacts): string {
  const { context, local, target, buildArgs } = facts;
  const own = buildArgs['BUILDKIT_BUILD_NAME'] ?? '';
  if (own !== '') return own;
  const name = local ? localName(facts) : context;
  return target === undefined ? name : `${name} (${target})`;
}

function localName({ context, dockerfile }: BuildFacts): string {
  const inside = relative(context, dockerfile);
  if (inside === 'Dockerfile' || dockerfile === '-') return basename(context);
  if (!inside.startsWith('..')) return `${basename(context)}/${inside.replace(DEFAULT_NAME, '')}`;
  const directory = basename(dirname(dockerfile));
  return DEFAULT_NAME.test(dockerfile) ? directory : `${directory}/${basename(dockerfile)}`;
}
