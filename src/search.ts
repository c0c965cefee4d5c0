import { type Filters } from './model/filters.js';
import type { Scope } from './model/scope.js';
import { type FoundImage, searchRegistry } from './registry/search.js';
import { registrySettings } from './registry-settings.js';
import type { Workshop } from './workshop.js';

export type { FoundImage };

export const SEARCH_FILTERS: readonly string[] = ['is-automated', 'is-official', 'stars'];

export interface SearchOptions {
  readonly limit: number;
  readonly filters: Filters;
}

/** Images of a registry, those with the most stars first. */
export async function searchImages(
  term: string,
  { limit, filters }: SearchOptions,
  workshop: Workshop,
  scope: Scope,
): Promise<readonly FoundImage[]> {
  const found = await searchRegistry(term, limit, registrySettings(workshop), scope);
  const least = Math.max(0, ...(filters.get('stars') ?? []).map(Number));
  const flag = (key: string, is: boolean): boolean =>
    filters.get(key)?.every((value) => /^(true|1|t)$/i.test(value) === is) ?? true;
  return found
    .filter(({ stars, official, automated }) => {
      return stars >= least && flag('is-official', official) && flag('is-automated', automated);
    })
    .sort((a, b) => b.stars - a.stars);
}
