import type { BuildOptions } from './model/build-options.js';

/** An image that carries its cache is asked for by docker's old argument, too. */
export function isInline({ cacheTo = [], buildArgs = {} }: BuildOptions): boolean {
  const asked = /^(1|t|true)$/i.test(buildArgs['BUILDKIT_INLINE_CACHE'] ?? '');
  return asked || cacheTo.some(({ type }) => type === 'inline');
}

/** Whether a build has caches outside the store: most have none, and load nothing of them. */
export function wantsCaches(options: BuildOptions): boolean {
  const { cacheFrom = [], cacheTo = [] } = options;
  return cacheFrom.length > 0 || cacheTo.length > 0 || isInline(options);
}
