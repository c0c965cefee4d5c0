import {
  findBuild,
  isFrom,
  listBuilds,
  removeAllBuilds,
  removeBuild,
  repositoryAt,
} from '../../build-history.js';
import { buildName } from '../../model/build-name.js';
import type { BuildSummary } from '../../model/build-record.js';
import { BuildError } from '../../model/error.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import type { FlagSpec } from '../flags.js';
import { buildColumns, STATUS_TITLES } from '../format/build-columns.js';
import { buildFilter } from '../format/build-filters.js';
import { formatListing } from '../format/listing.js';
import { asError } from './images.js';

/** buildx' flag: there is one builder. */
export const BUILDER: FlagSpec = {
  name: 'builder',
  kind: 'text',
  help: '',
  refused: 'there is one builder, and it needs no name',
};

const COLUMNS = ['Ref', 'Name', 'Status', 'CreatedAt', 'Duration'];

export const buildListCommand: Command = {
  names: ['history ls', 'buildx history ls'],
  usage: '[OPTIONS]',
  summary: 'List the last builds',
  flags: [
    BUILDER,
    {
      name: 'filter',
      kind: 'list',
      value: 'FILTER',
      help: 'status=error, ref=ID, repository=URL, startedAt>24h, completedAt<TIME, duration>30s',
    },
    {
      name: 'format',
      kind: 'text',
      value: 'TEMPLATE',
      help: "table, 'table TEMPLATE', json or a Go template",
    },
    { name: 'local', kind: 'bool', help: 'Only of the git repository one is in' },
    { name: 'no-trunc', kind: 'bool', help: 'Do not cut anything' },
    { name: 'quiet', short: 'q', kind: 'bool', help: 'Only IDs' },
  ],
  run: async ({ flags, env, stdout }) => {
    if (flags.rest.length > 0)
      throw new BuildError('usage', '"stave history ls" accepts no arguments', {
        hint: `the layers of an image: stave image history ${flags.rest[0] ?? ''}`,
      });
    await using workshop = openWorkshop(undefined, env);
    const now = workshop.now();
    const filters = flags.list('filter').map((text) => buildFilter(text, now));
    if (flags.bool('local')) filters.push(isFrom(repositoryAt(process.cwd())));
    const builds = listBuilds(workshop)
      .filter((build) => filters.every((matches) => matches(build)))
      .toSorted((a, b) => Number(b.status === 'running') - Number(a.status === 'running'));
    const format = flags.text('format');
    const columns = buildColumns(now, flags.bool('no-trunc') || isTemplate(format));
    if (flags.bool('quiet')) say(stdout, builds.map(({ facts }) => `${facts.id}\n`).join(''));
    else if (format === 'json') say(stdout, builds.map(jsonLine).join(''));
    else say(stdout, formatListing(builds, columns, COLUMNS, format));
    return 0;
  },
};

/** Names are cut in tables only. */
function isTemplate(format: string | undefined): boolean {
  return format !== undefined && !format.startsWith('table');
}

/** buildx' object of a build. */
function jsonLine({ facts, status, end, steps }: BuildSummary): string {
  const iso = (time: number): string => new Date(time).toISOString();
  const line = {
    cached_steps: steps.cached,
    ...(end === undefined ? {} : { completed_at: iso(end.time) }),
    completed_steps: steps.completed,
    created_at: iso(facts.started),
    name: buildName(facts),
    ref: facts.id,
    status: STATUS_TITLES[status],
    total_steps: steps.total,
  };
  return `${JSON.stringify(line)}\n`;
}

export const buildRemoveCommand: Command = {
  names: ['history rm', 'buildx history rm'],
  usage: '[OPTIONS] [BUILD...]',
  summary: 'Forget builds; their images and cache stay',
  flags: [{ name: 'all', kind: 'bool', help: 'All that do not run' }, BUILDER],
  run: async ({ flags, env }) => {
    const [all, refs] = [flags.bool('all'), flags.rest];
    if (!all && refs.length === 0)
      throw new BuildError('usage', 'rm requires at least one argument', {
        hint: 'an ID of stave history ls, ^1, or --all',
      });
    if (all && refs.length > 0)
      throw new BuildError('usage', 'rm requires either --all or at least one argument');
    await using workshop = openWorkshop(undefined, env);
    if (all) removeAllBuilds(workshop);
    // An offset means what it meant before anything was removed.
    const failures: Error[] = [];
    const attempt = <T>(work: () => T): T[] => {
      try {
        return [work()];
      } catch (error) {
        failures.push(asError(error));
        return [];
      }
    };
    const ids = refs.flatMap((ref) => attempt(() => findBuild(ref, workshop).facts.id));
    for (const id of new Set(ids)) attempt(() => removeBuild(id, workshop));
    const [failure] = failures;
    if (failure !== undefined) throw failure;
    return 0;
  },
};
