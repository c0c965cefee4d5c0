import type { Volume } from '../../model/volume.js';
import { labelsOf } from '../../volumes.js';
import type { Workshop } from '../../workshop.js';
import { labelText } from './label-text.js';
import type { Column } from './listing.js';
import { humanSize } from './units.js';

/** One line of volumes. */
export interface VolumeRow {
  readonly volume: Volume;
  /** docker asks for them only in `system df -v`. */
  readonly usage?: { readonly size: number; readonly links: number };
}

export function volumeColumns({ volumes }: Workshop): readonly Column<VolumeRow>[] {
  return [
    { field: 'Driver', header: 'DRIVER', value: () => 'local' },
    { field: 'Name', header: 'VOLUME NAME', value: ({ volume }) => volume.name },
    { field: 'Labels', header: 'LABELS', value: ({ volume }) => labelText(labelsOf(volume)) },
    {
      field: 'Mountpoint',
      header: 'MOUNTPOINT',
      value: ({ volume }) => volumes().path(volume.name),
    },
    { field: 'Scope', header: 'SCOPE', value: () => 'local' },
    {
      field: 'Size',
      header: 'SIZE',
      value: ({ usage }) => (usage === undefined ? 'N/A' : humanSize(usage.size)),
    },
    { field: 'Links', header: 'LINKS', value: ({ usage }) => String(usage?.links ?? 'N/A') },
    { field: 'Availability', header: 'AVAILABILITY', value: () => 'N/A' },
    { field: 'Group', header: 'GROUP', value: () => 'N/A' },
    { field: 'Status', header: 'STATUS', value: () => 'N/A' },
  ];
}

export const VOLUME_METHODS = {
  Label: ({ volume }: VolumeRow, name: string): string => labelsOf(volume)[name] ?? '',
};
