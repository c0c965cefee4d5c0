import type { BuildFacts } from './model/build-record.js';
import { BuildError } from './model/error.js';
import { canonicalName, parseReference } from './model/reference.js';

type Origin = Pick<BuildFacts, 'context' | 'dockerfile' | 'tags'>;

/**
 * Identifies a Dockerfile from build to build: its path. One from stdin has none: it is told by its context, which may
 * come from there as well, and by the image's name; at its end is what another machine would call it, too.
 */
export function placeOf(origin: Origin): string {
  if (!isFromStdin(origin)) return origin.dockerfile;
  const { context, dockerfile, tags } = origin;
  const [name = ''] = tags.map(repositoryOf);
  return `${name}:${context}/${dockerfile}`;
}

export function isFromStdin({ context, dockerfile }: Origin): boolean {
  return context === '-' || dockerfile === '-';
}

/** `app:1` and `app:2` are versions of one thing. */
export function repositoryOf(tag: string): string {
  try {
    const { domain, path } = parseReference(tag);
    return canonicalName({ domain, path });
  } catch (error) {
    if (error instanceof BuildError) return tag;
    throw error;
  }
}
