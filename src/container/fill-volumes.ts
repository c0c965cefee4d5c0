import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ContainerState } from '../model/container.js';
import { containerIsolation } from '../runtime/container-isolation.js';
import type { CopyDeps } from './container-copy.js';
import type { ContainerStore } from './container-store.js';
import { fillVolume } from './fill-volume.js';
import { mountContainer } from './mount-container.js';
import type { VolumeStore } from './volume-store.js';

export interface FillDeps extends CopyDeps {
  readonly containers: ContainerStore;
  readonly volumes: () => VolumeStore;
}

/**
 * What the image has in their places comes into the empty volumes of a new container, as docker does it: before anybody
 * starts it. Who is killed meanwhile leaves that to its first start.
 */
export async function fillVolumes(state: ContainerState, deps: FillDeps): Promise<void> {
  // There volumes are directories of the container's, until it runs elsewhere.
  if (containerIsolation() === 'chroot') return;
  const { containers, snapshot, temporary } = deps;
  const volumes = deps.volumes();
  const empty = (state.mounts ?? []).flatMap(({ type, name, noCopy, destination }) => {
    if (type !== 'volume' || name === undefined || noCopy === true) return [];
    const home = dirname(volumes.path(name));
    return isEmpty(home) ? [{ home, destination }] : [];
  });
  if (empty.length > 0 && snapshot.layers.length > 0) {
    const target = mkdtempSync(join(temporary(), 'image-'));
    using root = await mountContainer(state.id, { target }, deps);
    for (const each of empty) await fillVolume({ ...each, root: root.path });
  }
  if (empty.length > 0) writeFileSync(filledMark(containers, state), '', { mode: 0o600 });
}

/** Whether that was done. */
export function isFilled(state: ContainerState, containers: ContainerStore): boolean {
  return state.started !== undefined || existsSync(filledMark(containers, state));
}

function filledMark(containers: ContainerStore, { id }: ContainerState): string {
  return containers.path(id, 'filled');
}

function isEmpty(home: string): boolean {
  return !existsSync(join(home, '.whole')) && readdirSync(join(home, '_data')).length === 0;
}
