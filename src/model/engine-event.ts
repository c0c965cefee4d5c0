import type { ContainerState } from './container.js';
import type { Network } from './network.js';
import type { StoredImage } from './stored-image.js';
import { volumesOf } from './volume.js';

/** What happened to an object of the store, in docker's words (`docker events`). */
export interface EngineEvent {
  readonly type: 'container' | 'image' | 'network' | 'volume' | 'builder';
  /** `start`, `exec_start: sh -c x`, `health_status: healthy`. */
  readonly action: string;
  /** Of the object: an id, a volume's name, an image's digest or name. */
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Microseconds since the epoch. */
  readonly timeUs: number;
}

/** Everything of an event but when. */
export type Happening = Omit<EngineEvent, 'timeUs'>;

/** Something happened to a container. `more` are attributes beside its labels, image and name. */
export type ContainerTeller = (
  state: ContainerState,
  action: string,
  more?: Readonly<Record<string, string>>,
  timeMs?: number,
) => void;

/** Of an image; without a name its id stands for it, as with docker. */
export function imageHappening(
  action: string,
  { id, config }: Pick<StoredImage, 'id' | 'config'>,
  name: string = id,
): Happening {
  return { type: 'image', action, id, attributes: { ...config.config?.Labels, name } };
}

/** All that was not used of a kind was removed. */
export function pruned(type: Happening['type'], bytes: number): Happening {
  return { type, action: 'prune', id: '', attributes: { reclaimed: String(bytes) } };
}

/** By id or name. */
type FindNetwork = (text: string) => Pick<Network, 'id' | 'name' | 'driver'> | undefined;

/** With what happens to its networks and volumes at its start and end. */
export function containerHappenings(
  state: ContainerState,
  {
    action,
    more = {},
  }: { readonly action: string; readonly more?: Readonly<Record<string, string>> },
  findNetwork: FindNetwork,
): readonly Happening[] {
  const { id, image, name, config } = state;
  const attributes = { ...config.Labels, image, name, ...more };
  const own: Happening = { type: 'container', action, id, attributes };
  if (action === 'start')
    return [...networks(state, 'connect', findNetwork), ...mounts(state), own];
  if (action !== 'die') return [own];
  const left = volumesOf(state).map((volume): Happening => {
    const shared = { container: id, driver: 'local' };
    return { type: 'volume', action: 'unmount', id: volume, attributes: shared };
  });
  return [own, ...networks(state, 'disconnect', findNetwork), ...left];
}

function networks(
  { id: container, endpoints, hostConfig }: ContainerState,
  action: 'connect' | 'disconnect',
  findNetwork: FindNetwork,
): Happening[] {
  const mode = hostConfig.NetworkMode;
  const alone = mode === 'host' || mode === 'none' ? [mode] : [];
  const joined = endpoints.length > 0 ? endpoints.map(({ network }) => network) : alone;
  return joined.map((text) => {
    // Of one that is gone its id.
    const { id, name, driver } = findNetwork(text) ?? { id: text, name: text, driver: 'bridge' };
    return { type: 'network', action, id, attributes: { container, name, type: driver } };
  });
}

function mounts({ id, mounts: all = [] }: ContainerState): Happening[] {
  return all.flatMap(({ name, destination, readonly }) => {
    if (name === undefined) return [];
    const attributes = {
      ...{ container: id, destination, driver: 'local', propagation: '' },
      'read/write': String(!readonly),
    };
    return [{ type: 'volume', action: 'mount', id: name, attributes } as const];
  });
}
