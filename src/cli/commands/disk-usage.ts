import { type DiskUsage, diskUsage } from '../../disk-usage.js';
import { isUp } from '../../model/container.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { type Column, formatListing } from '../format/listing.js';
import { humanSize4 } from '../format/units.js';
import { verboseUsage } from './disk-usage-verbose.js';

interface Kind {
  readonly type: string;
  readonly total: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
  /** docker shows no share of the build cache. */
  readonly share: boolean;
}

const COLUMNS: readonly Column<Kind>[] = [
  { field: 'Type', header: 'TYPE', value: ({ type }) => type },
  { field: 'TotalCount', header: 'TOTAL', value: ({ total }) => String(total) },
  { field: 'Active', header: 'ACTIVE', value: ({ active }) => String(active) },
  { field: 'Size', header: 'SIZE', value: ({ size }) => humanSize4(size) },
  { field: 'Reclaimable', header: 'RECLAIMABLE', value: reclaimable },
];

function reclaimable({ size, reclaimable: bytes, share }: Kind): string {
  if (!share || size === 0) return humanSize4(bytes);
  return `${humanSize4(bytes)} (${String(Math.floor((bytes * 100) / size))}%)`;
}

function kindsOf(usage: DiskUsage): readonly Kind[] {
  const { images, containers, volumes, cache } = usage;
  const up = containers.filter(({ state }) => isUp(state));
  const sum = (sized: readonly { readonly size: number }[]): number =>
    sized.reduce((bytes, { size }) => bytes + size, 0);
  return [
    {
      type: 'Images',
      total: images.length,
      active: images.filter((image) => image.containers > 0).length,
      size: usage.imageBytes,
      reclaimable: usage.imageReclaimable,
      share: true,
    },
    {
      type: 'Containers',
      total: containers.length,
      active: up.length,
      size: sum(containers),
      reclaimable: sum(containers) - sum(up),
      share: true,
    },
    {
      type: 'Local Volumes',
      total: volumes.length,
      active: volumes.filter(({ links }) => links > 0).length,
      size: sum(volumes),
      reclaimable: sum(volumes.filter(({ links }) => links === 0)),
      share: true,
    },
    {
      type: 'Build Cache',
      total: cache.length,
      active: cache.filter(({ inUse }) => inUse).length,
      size: sum(cache),
      reclaimable: sum(cache.filter(({ inUse }) => !inUse)),
      share: false,
    },
  ];
}

const FIELDS = ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'];

export const diskUsageCommand: Command = {
  names: ['system df'],
  usage: '[OPTIONS]',
  summary: 'Show how much disk the store uses',
  flags: [
    {
      name: 'format',
      kind: 'text',
      value: 'TEMPLATE',
      help: "table, 'table TEMPLATE', json or a Go template",
    },
    { name: 'verbose', short: 'v', kind: 'bool', help: 'Each image, container and cache entry' },
  ],
  noArguments: true,
  run: async ({ flags, env, stdout }) => {
    await using workshop = openWorkshop(undefined, env);
    const usage = diskUsage(workshop);
    const format = flags.text('format');
    const text = flags.bool('verbose')
      ? verboseUsage(usage, workshop, format)
      : formatListing(kindsOf(usage), COLUMNS, FIELDS, format);
    say(stdout, text);
    return 0;
  },
};
