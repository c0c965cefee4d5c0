import { BuildError } from './model/error.js';
import type { NamedContexts } from './named-contexts.js';
import type { EpochSource } from './parser/lower-options.js';

/**
 * The time SOURCE_DATE_EPOCH asks of a source. A directory or an image has none, as in BuildKit; what has one is
 * refused until it is asked for it, for an image without the wanted time must not pass for one with it.
 */
export async function timeOfSource(
  asked: EpochSource,
  { local, named }: { readonly local: boolean; readonly named: NamedContexts },
): Promise<undefined> {
  if (asked.kind === 'context' && local) return undefined;
  if (asked.kind === 'named-context' && (await named.find(asked.name))?.kind !== 'source')
    return undefined;
  throw new BuildError(
    'unsupported',
    `SOURCE_DATE_EPOCH from ${nameOf(asked)} is not supported yet`,
    {
      hint: 'give the time in seconds: of a commit, git log -1 --format=%ct',
    },
  );
}

function nameOf(asked: EpochSource): string {
  if (asked.kind === 'context') return 'a context that is no directory';
  return asked.kind === 'add' ? 'a remote ADD' : `the context ${asked.name}`;
}
