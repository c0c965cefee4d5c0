import { shownImage } from '../../container-list.js';
import type { CacheUsage, DiskUsage, ImageUsage, VolumeUsage } from '../../disk-usage.js';
import { shortId } from '../../model/digest.js';
import { familiarRepository } from '../../model/reference.js';
import type { Workshop } from '../../workshop.js';
import { type Column, formatListing, rowObjects } from '../format/listing.js';
import { goTime, humanSize, humanSize4, since } from '../format/units.js';
import { type VolumeRow, volumeColumns } from '../format/volume-columns.js';
import { compileTemplate } from '../template/execute.js';
import { type ContainerRow, containerColumns } from './ps.js';

/** `system df -v`: docker's four tables, or with a template its document of them. */
export function verboseUsage(
  usage: DiskUsage,
  workshop: Workshop,
  format: string | undefined,
): string {
  const now = workshop.now();
  const cache = usage.cache.toSorted((a, b) => a.used - b.used);
  const whole = format !== undefined && format !== 'table';
  if (!whole) return tables(usage, cache, workshop);
  const document = {
    Images: rowObjects(usage.images, imageColumns(now, true)),
    Containers: rowObjects(containerRows(usage, workshop), containerColumns(workshop, true)),
    Volumes: rowObjects(volumeRows(usage.volumes), volumeColumns(workshop)),
    BuildCache: rowObjects(cache, cacheColumns(now, true)),
  };
  if (format === 'json') return `${JSON.stringify(document)}\n`;
  return `${compileTemplate(format)(document)}\n`;
}

function tables(usage: DiskUsage, cache: readonly CacheUsage[], workshop: Workshop): string {
  const now = workshop.now();
  const containers = containerRows(usage, workshop);
  const bytes = cache.reduce((sum, { size }) => sum + size, 0);
  return [
    'Images space usage:\n\n',
    formatListing(usage.images, imageColumns(now, false), IMAGE_FIELDS, undefined),
    '\nContainers space usage:\n\n',
    formatListing(containers, containerColumns(workshop, false), CONTAINER_FIELDS, undefined),
    '\nLocal Volumes space usage:\n\n',
    formatListing(
      volumeRows(usage.volumes),
      volumeColumns(workshop),
      ['Name', 'Links', 'Size'],
      undefined,
    ),
    `\nBuild cache usage: ${humanSize4(bytes)}\n\n`,
    formatListing(cache, cacheColumns(now, false), CACHE_FIELDS, undefined),
  ].join('');
}

function containerRows({ containers }: DiskUsage, workshop: Workshop): readonly ContainerRow[] {
  return containers.map(({ state, size }) => ({
    state,
    image: shownImage(state, false, workshop),
    size: { own: size, total: 0 },
  }));
}

function volumeRows(volumes: readonly VolumeUsage[]): readonly VolumeRow[] {
  return volumes.map(({ volume, size, links }) => ({ volume, usage: { size, links } }));
}

const CONTAINER_FIELDS = ['ID', 'Image', 'Command', 'LocalVolumes', 'Size', 'RunningFor'].concat([
  'Status',
  'Names',
]);
const IMAGE_FIELDS = ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size', 'SharedSize'].concat([
  'UniqueSize',
  'Containers',
]);

function imageColumns(now: number, whole: boolean): readonly Column<ImageUsage>[] {
  const of = (
    field: string,
    header: string,
    value: (usage: ImageUsage) => string,
  ): Column<ImageUsage> => ({ field, header, value });
  const name = ({ image }: ImageUsage) => image.references[0];
  return [
    of('Repository', 'REPOSITORY', (row) => {
      const reference = name(row);
      return reference === undefined ? '<none>' : familiarRepository(reference);
    }),
    of('Tag', 'TAG', (row) => name(row)?.tag ?? '<none>'),
    of('Digest', 'DIGEST', ({ image }) => image.root.digest),
    of('ID', 'IMAGE ID', ({ image }) => (whole ? image.id : shortId(image.id))),
    of('CreatedAt', 'CREATED AT', ({ image }) => goTime(image.config.created)),
    of('CreatedSince', 'CREATED', ({ image }) => since(image.config.created, now)),
    of('Size', 'SIZE', ({ size }) => humanSize(size)),
    of('VirtualSize', 'SIZE', ({ size }) => humanSize4(size)),
    of('SharedSize', 'SHARED SIZE', ({ shared }) => humanSize4(shared)),
    of('UniqueSize', 'UNIQUE SIZE', ({ size, shared }) => humanSize4(size - shared)),
    of('Containers', 'CONTAINERS', ({ containers }) => String(containers)),
  ];
}

const CACHE_FIELDS = [
  'ID',
  'CacheType',
  'Size',
  'CreatedSince',
  'LastUsedSince',
  'UsageCount',
].concat('Shared');

function cacheColumns(now: number, whole: boolean): readonly Column<CacheUsage>[] {
  const of = (
    field: string,
    header: string,
    value: (usage: CacheUsage) => string,
  ): Column<CacheUsage> => ({ field, header, value });
  const iso = (ms: number): string => new Date(ms).toISOString();
  return [
    of('ID', 'CACHE ID', ({ id }) => (whole ? id : id.slice(0, 12))),
    of('Parent', 'PARENT', () => ''),
    of('CacheType', 'CACHE TYPE', ({ type }) => type),
    of('Size', 'SIZE', ({ size }) => humanSize4(size)),
    of('CreatedAt', 'CREATED AT', ({ created }) => goTime(iso(created))),
    of('CreatedSince', 'CREATED', ({ created }) => since(iso(created), now)),
    of('LastUsedAt', 'LAST USED AT', ({ used }) => goTime(iso(used))),
    of('LastUsedSince', 'LAST USED', ({ used }) => since(iso(used), now)),
    of('UsageCount', 'USAGE', ({ uses }) => String(uses)),
    of('InUse', 'IN USE', ({ inUse }) => String(inUse)),
    // What an image has is not listed: it is the image's.
    of('Shared', 'SHARED', () => 'false'),
    of('Description', 'DESCRIPTION', ({ description }) => description),
  ];
}
