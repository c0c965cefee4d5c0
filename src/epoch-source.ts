import type { ContextSource } from './context-source.js';
import type { RemoteSources } from './executor/remote-sources.js';
import { internalVertex } from './internal-vertex.js';
import { canonicalDigest } from './model/canonical.js';
import type { GitSpec, HttpSpec } from './model/graph.js';
import type { Scope } from './model/scope.js';
import type { NamedContexts } from './named-contexts.js';
import type { EpochSource } from './parser/lower-options.js';

interface Sources {
  readonly context: ContextSource;
  readonly named: NamedContexts;
  readonly remote: RemoteSources;
}

/** The time SOURCE_DATE_EPOCH asks of a source, asked once however many platforms are built. */
export function epochSources(
  sources: Sources,
  scope: Scope,
): (asked: EpochSource) => Promise<number | undefined> {
  const known = new Map<string, Promise<number | undefined>>();
  return (asked) => {
    // Plain data, as canonicalDigest wants.
    const key = canonicalDigest(asked as never);
    const time = known.get(key) ?? timeOf(asked, sources, scope);
    known.set(key, time);
    return time;
  };
}

/** A directory or an image has none, as in BuildKit. */
async function timeOf(
  asked: EpochSource,
  { context, named, remote }: Sources,
  scope: Scope,
): Promise<number | undefined> {
  const ask = (op: HttpSpec | GitSpec, of: string): Promise<number | undefined> =>
    internalVertex(`[internal] resolve SOURCE_DATE_EPOCH of ${of}`, scope, async (inner) => {
      const { sourceTime } = await import('./executor/source-time.js');
      return sourceTime(op, remote, inner);
    });
  if (asked.kind === 'context') return context.time;
  if (asked.kind === 'add') return ask(asked.op, `stage ${asked.stage}`);
  const source = await named.find(asked.name);
  return source?.kind === 'source' ? ask(source.op, `context ${asked.name}`) : undefined;
}
