import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BuildRecord, BuildSummary } from './model/build-record.js';
import { BuildError } from './model/error.js';
import { nearest } from './model/nearest.js';
import { canonicalName, parseReference } from './model/reference.js';
import type { Workshop } from './workshop.js';

/** What is kept of the last builds, the newest first. */
export function listBuilds({ store }: Workshop): readonly BuildSummary[] {
  return store.builds.list();
}

/**
 * The build that is meant: by its id or the beginning of one, `^1` (the last but one), or a name its image got; without
 * any the last one. Throws BuildError `not-found`, `usage` when it means several.
 */
export function findBuild(wanted: string | undefined, workshop: Workshop): BuildRecord {
  const found = matchBuild(wanted, workshop);
  if (found === undefined) throw noBuild(wanted, workshop);
  return found;
}

/** The same; undefined when nothing has that name. */
export function matchBuild(
  wanted: string | undefined,
  workshop: Workshop,
): BuildRecord | undefined {
  const builds = listBuilds(workshop);
  const chosen = wanted === undefined ? builds[0] : chosenOf(wanted, builds);
  return chosen === undefined ? undefined : workshop.store.builds.find(chosen.facts.id);
}

function chosenOf(wanted: string, builds: readonly BuildSummary[]): BuildSummary | undefined {
  if (wanted.startsWith('^')) return builds[offsetOf(wanted)];
  const exact = builds.find(({ facts }) => facts.id === wanted);
  const named = exact ?? builds.find(({ facts }) => hasTag(facts.tags, wanted));
  if (named !== undefined) return named;
  const begun = builds.filter(({ facts }) => wanted !== '' && facts.id.startsWith(wanted));
  if (begun.length < 2) return begun[0];
  throw new BuildError('usage', `${JSON.stringify(wanted)} is the beginning of several builds`, {
    hint: `write more of it: ${begun.map(({ facts }) => facts.id).join(', ')}`,
  });
}

function offsetOf(wanted: string): number {
  if (/^\^\d{1,9}$/.test(wanted)) return Number(wanted.slice(1));
  throw new BuildError('usage', `invalid offset ${JSON.stringify(wanted)}`, {
    hint: '^0 is the last build, ^1 the one before',
  });
}

function hasTag(tags: readonly string[], wanted: string): boolean {
  const name = canonical(wanted);
  return name !== undefined && tags.some((tag) => canonical(tag) === name);
}

/** Undefined for what is no image name. */
function canonical(text: string): string | undefined {
  try {
    return canonicalName(parseReference(text));
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

function noBuild(wanted: string | undefined, workshop: Workshop): BuildError {
  const builds = listBuilds(workshop);
  if (builds.length === 0)
    return new BuildError('not-found', 'no records found', {
      hint: 'every stave build leaves one; the last 50 of the last 7 days are kept',
    });
  const shown = wanted ?? '';
  const names = builds.flatMap(({ facts }) => [facts.id, ...facts.tags]);
  const near = nearest(shown, names);
  if (shown.startsWith('^'))
    return new BuildError('not-found', `no completed build found with offset ${shown.slice(1)}`, {
      hint: `there are ${String(builds.length)}: stave history ls`,
    });
  return new BuildError('not-found', `no record found for ref ${JSON.stringify(shown)}`, {
    hint: near === undefined ? 'stave history ls lists them' : `did you mean ${near}?`,
  });
}

/** The directory above one that is a git repository's. Throws BuildError `not-found` outside of any. */
export function repositoryAt(directory: string): string {
  for (let at = directory; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return realpathSync(at);
    if (dirname(at) === at) break;
  }
  throw new BuildError('not-found', `${directory} is in no git repository`, {
    hint: 'leave out --local',
  });
}

/** Builds whose context is in a directory. */
export function isFrom(directory: string): (build: BuildSummary) => boolean {
  return ({ facts: { local, context } }) =>
    local && (context === directory || context.startsWith(`${directory}/`));
}

/** Removes records of builds that are over. Throws BuildError `conflict` for one that runs. */
export function removeBuild(wanted: string, workshop: Workshop): string {
  const { id } = findBuild(wanted, workshop).facts;
  if (workshop.store.builds.remove(id)) return id;
  throw new BuildError('conflict', `build ${id} is running`, { hint: 'stop it first' });
}

/** Gives the ids. */
export function removeAllBuilds({ store }: Workshop): readonly string[] {
  return store.builds
    .sizes()
    .map(({ id }) => id)
    .filter((id) => store.builds.remove(id));
}
