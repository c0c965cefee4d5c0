import { basename, relative } from 'node:path';
import type { BuildFacts } from './model/build-record.js';
import { stepsOf } from './model/build-report.js';
import { isFromStdin, placeOf, repositoryOf } from './place-of.js';
import type { Workshop } from './workshop.js';

/**
 * Other paths of a build's Dockerfile on this machine, the likeliest first and of those the last built first: in another
 * clone of the repository, of an image of the same name, in another directory of that name; else those whose steps
 * (`titles`) are mostly the same. Of one from stdin what stands for a path.
 */
export function sameDockerfiles(
  facts: BuildFacts,
  titles: readonly string[],
  { store }: Workshop,
): readonly string[] {
  const others = store.builds
    .list()
    .map((build) => build.facts)
    .filter((other) => other.id !== facts.id && placeOf(other) !== placeOf(facts))
    .filter((other) => inside(facts) === inside(other));
  const scored = others
    .map((other) => ({ file: placeOf(other), score: likeness(facts, other) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score);
  const named = [...new Set(scored.map(({ file }) => file))].slice(0, MOST);
  if (named.length > 0) return named;
  const own = new Set(titles.map(textOf));
  const similar = others.find(({ id }) => {
    const record = store.builds.find(id);
    return record !== undefined && isSimilar(own, new Set(stepsOf(record).flatMap(ownTitle)));
  });
  return similar === undefined ? [] : [placeOf(similar)];
}

/** A place is looked for at each of them. */
const MOST = 8;

function likeness(own: BuildFacts, facts: BuildFacts): number {
  if (isFromStdin(own)) return likenessOfStdin(own, facts);
  const { source, path } = own.vcs ?? {};
  if (source !== undefined && source === facts.vcs?.source && path === facts.vcs.path) return 3;
  const names = new Set(facts.tags.map(repositoryOf));
  if (own.tags.some((tag) => names.has(repositoryOf(tag)))) return 2;
  return own.local && facts.local && basename(own.context) === basename(facts.context) ? 1 : 0;
}

/** Who builds without a name what has one elsewhere; other names are other images. */
function likenessOfStdin(own: BuildFacts, facts: BuildFacts): number {
  const names = new Set(facts.tags.map(repositoryOf));
  if (own.tags.some((tag) => names.has(repositoryOf(tag)))) return 2;
  const oneUnnamed = own.tags.length === 0 || facts.tags.length === 0;
  return oneUnnamed && own.context !== '-' && own.context === facts.context ? 1 : 0;
}

/** What the Dockerfile is called in its context. */
function inside(facts: BuildFacts): string {
  const { local, context, dockerfile } = facts;
  if (isFromStdin(facts)) return '-';
  return local ? relative(context, dockerfile) : basename(dockerfile);
}

function ownTitle(step: ReturnType<typeof stepsOf>[number]): string[] {
  return step.range === undefined ? [] : [textOf(step.name)];
}

/** Without stage and number, which a step more or less changes. */
function textOf(title: string): string {
  return title.replace(/^\[[^\]]*\] /, '');
}

/** Most of the steps, and not only the base. */
function isSimilar(own: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  const common = [...own].filter((title) => other.has(title));
  const enough = common.length * 2 >= Math.max(own.size, other.size);
  return enough && common.some((title) => !title.startsWith('FROM '));
}
