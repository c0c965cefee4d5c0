import type { ContextSource } from './context-source.js';
import { type BuildContext, openContext } from './executor/build-context.js';
import type { IgnoreRules } from './executor/match.js';
import { internalVertex } from './internal-vertex.js';
import { digestOf, hexOf } from './model/digest.js';
import type { Scope } from './model/scope.js';
import type { Workshop } from './workshop.js';

/** The contexts that steps read, each opened when the first step reads it. */
export interface OpenContexts {
  /** The main one, or the named one. */
  readonly open: (scope: Scope, name?: string) => Promise<BuildContext>;
  /** Keeps what was hashed for the next build. */
  readonly save: () => void;
}

export interface ContextsOptions {
  readonly source: ContextSource;
  readonly ignore: () => IgnoreRules;
  /** A named context's directory and rules. */
  readonly named: (name: string) => { readonly dir: string; readonly ignore: IgnoreRules };
  readonly workshop: Workshop;
}

export function openContexts({ source, ignore, named, workshop }: ContextsOptions): OpenContexts {
  const opened = new Map<string | undefined, Promise<BuildContext>>();
  const done: BuildContext[] = [];
  const now = BigInt(workshop.now()) * 1_000_000n;
  const open = (name: string | undefined): BuildContext => {
    const { dir, rules } =
      name === undefined ? { dir: source.dir, rules: ignore() } : rulesOf(named(name));
    const kept = name !== undefined || source.local;
    const { path } = workshop.store;
    const statCacheFile = path('contexts', hexOf(digestOf(dir)));
    const cache = kept ? { statCacheFile, passing: path('tmp') } : {};
    const context = openContext({ dir, ignore: rules, now, ...cache });
    done.push(context);
    return context;
  };
  return {
    open: (scope, name) => {
      const known = opened.get(name);
      if (known !== undefined) return known;
      const title = name === undefined ? '[internal] load build context' : `[context ${name}] load`;
      const started = internalVertex(title, scope, () => Promise.resolve(open(name)));
      opened.set(name, started);
      return started;
    },
    save: () => {
      for (const context of done) context.save();
    },
  };
}

function rulesOf({ dir, ignore }: { readonly dir: string; readonly ignore: IgnoreRules }) {
  return { dir, rules: ignore };
}
