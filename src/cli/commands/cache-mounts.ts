import { existsSync } from 'node:fs';
import {
  type CacheMountUsage,
  exportCacheMounts,
  importCacheMounts,
  listCacheMounts,
  removeCacheMounts,
  type TravelPlace,
} from '../../cache-mounts.js';
import { BuildError } from '../../model/error.js';
import { parseReference } from '../../model/reference.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import type { FlagSpec } from '../flags.js';
import { type Column, formatListing } from '../format/listing.js';
import { goTime, humanSize4, since } from '../format/units.js';
import { errorText } from '../print-error.js';
import { atLeastOne, quietScope } from './images.js';

function columns(now: number, whole: boolean): readonly Column<CacheMountUsage>[] {
  return [
    { field: 'Key', header: 'KEY', value: ({ key }) => (whole ? key : shortKey(key)) },
    { field: 'ID', header: 'ID', value: ({ id }) => id },
    { field: 'Namespace', header: 'NAMESPACE', value: ({ namespace }) => namespace },
    { field: 'Size', header: 'SIZE', value: ({ bytes }) => humanSize4(bytes) },
    { field: 'CreatedAt', header: 'CREATED AT', value: ({ created }) => goTime(created) },
    { field: 'LastUsedAt', header: 'LAST USED AT', value: ({ lastUsed }) => goTime(lastUsed) },
    {
      field: 'LastUsedSince',
      header: 'LAST USED',
      value: ({ lastUsed }) => since(lastUsed, now),
    },
    { field: 'InUse', header: 'IN USE', value: ({ inUse }) => String(inUse) },
  ];
}

/** A private copy's number stays. */
function shortKey(key: string): string {
  return key.replace(/^([0-9a-f]{12})[0-9a-f]*/, '$1');
}

export const cacheListCommand: Command = {
  names: ['cache ls', 'cache list'],
  usage: '[OPTIONS]',
  summary: 'List cache mounts (RUN --mount=type=cache)',
  flags: [
    {
      name: 'format',
      kind: 'text',
      value: 'TEMPLATE',
      help: "table, 'table TEMPLATE', json or a Go template",
    },
    { name: 'no-trunc', kind: 'bool', help: 'Do not cut anything' },
    { name: 'quiet', short: 'q', kind: 'bool', help: 'Only keys' },
  ],
  run: async ({ flags, env, stdout }) => {
    if (flags.rest.length > 0)
      throw new BuildError('usage', '"stave cache ls" accepts no arguments');
    await using workshop = openWorkshop(undefined, env);
    const rows = listCacheMounts(workshop);
    const format = flags.text('format') ?? (flags.bool('quiet') ? '{{.Key}}' : undefined);
    const whole = flags.bool('no-trunc') || format === 'json' || flags.bool('quiet');
    const shown = ['Key', 'ID', 'Size', 'LastUsedSince', 'InUse'];
    say(stdout, formatListing(rows, columns(workshop.now(), whole), shown, format));
    return 0;
  },
};

export const cacheRemoveCommand: Command = {
  names: ['cache rm', 'cache remove'],
  usage: 'ID|KEY...',
  summary: 'Remove cache mounts: all of an id, or the one of a key',
  flags: [],
  run: async (context) => {
    const names = atLeastOne(context, 'stave cache rm ID|KEY...');
    await using workshop = openWorkshop(undefined, context.env);
    let failures = 0;
    for (const name of names) {
      try {
        for (const key of removeCacheMounts(name, workshop)) say(context.stdout, `${key}\n`);
      } catch (error) {
        if (!(error instanceof BuildError)) throw error;
        failures++;
        say(context.stderr, errorText(error));
      }
    }
    return failures === 0 ? 0 : 1;
  },
};

const MOUNTS: FlagSpec = { name: 'mounts', kind: 'bool', help: 'Cache mounts (must be said)' };

export const cacheExportCommand: Command = {
  names: ['cache export'],
  usage: '--mounts [ID...] DIR|REF|-',
  summary: 'Write cache mounts to where another machine can fetch them',
  flags: [MOUNTS],
  run: async (context) => {
    const { place, names } = argumentsOf(context, 'stave cache export --mounts [ID...] DIR|REF|-');
    if (place.type === 'stdio' && context.stdout.isTTY)
      throw new BuildError('usage', 'refusing to write an archive to a terminal', {
        hint: 'redirect stdout, or name a directory',
      });
    await using workshop = openWorkshop(undefined, context.env);
    const onWait = waiting(context);
    const scope = quietScope(context.signal);
    const { mounts } = await exportCacheMounts(place, { names, onWait }, workshop, scope);
    for (const { id, bytes } of mounts)
      say(context.stderr, `exported ${id} (${humanSize4(bytes)})\n`);
    return 0;
  },
};

export const cacheImportCommand: Command = {
  names: ['cache import'],
  usage: '--mounts [OPTIONS] [ID...] DIR|REF|-',
  summary: 'Bring in cache mounts; those used here later than they were exported stay',
  flags: [
    MOUNTS,
    { name: 'overwrite', kind: 'bool', help: 'Also in the place of those used here later' },
  ],
  run: async (context) => {
    const { place, names } = argumentsOf(context, 'stave cache import --mounts [ID...] DIR|REF|-');
    if (place.type === 'stdio' && process.stdin.isTTY)
      throw new BuildError('usage', 'stdin is a terminal', { hint: 'pipe an export in' });
    await using workshop = openWorkshop(undefined, context.env);
    const imported = await importCacheMounts(
      place,
      {
        ...{ names, onWait: waiting(context), stdin: process.stdin },
        overwrite: context.flags.bool('overwrite'),
      },
      workshop,
      quietScope(context.signal),
    );
    for (const { id, outcome } of imported)
      say(context.stderr, `${outcome} ${id}${outcome === 'kept' ? KEPT : ''}\n`);
    return 0;
  },
};

const KEPT = ': it was used here later (--overwrite replaces it)';

function waiting({ stderr }: CommandContext): (id: string) => void {
  return (id) => {
    say(stderr, `waiting for a step that uses the cache mount ${id}\n`);
  };
}

function argumentsOf(
  { flags }: CommandContext,
  usage: string,
): { readonly place: TravelPlace; readonly names: readonly string[] } {
  if (!flags.bool('mounts'))
    throw new BuildError('usage', '--mounts is missing: nothing else can be moved so', {
      hint: 'layers travel with stave build --cache-to and --cache-from',
    });
  const last = flags.rest.at(-1);
  if (last === undefined)
    throw new BuildError('usage', 'requires at least 1 argument', { hint: `usage: ${usage}` });
  return { place: placeOf(last), names: flags.rest.slice(0, -1) };
}

/** A directory says that it is one, a reference names its registry: a bare word may be a mistyped id. */
function placeOf(text: string): TravelPlace {
  if (text === '-') return { type: 'stdio' };
  if (/^\.{0,2}\//.test(text) || text === '.' || text === '..' || existsSync(text))
    return { type: 'local', path: text };
  if (/^(localhost|[^/]*[.:][^/]*)\/./.test(text))
    return { type: 'registry', reference: parseReference(text) };
  throw new BuildError('usage', `${JSON.stringify(text)} is no directory`, {
    hint: `for a new directory write ./${text}, for a registry its name: registry.example.com/${text}`,
  });
}
