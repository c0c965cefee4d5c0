import { writtenSize } from './container-tree.js';
import { type ContainerState, isUp } from './model/container.js';
import { BuildError } from './model/error.js';
import { type Filters, matchAny, matchLabels } from './model/filters.js';
import { healthOf } from './health.js';
import { containerPorts, networkNames } from './network-settings.js';
import { shortId } from './model/digest.js';
import type { ImageConfig } from './model/oci.js';
import { formatPlatform } from './model/platform.js';
import { parseReference } from './model/reference.js';
import type { Scope } from './model/scope.js';
import type { Workshop } from './workshop.js';

export const CONTAINER_FILTERS: readonly string[] = [
  ...['ancestor', 'before', 'exited', 'expose', 'health', 'id', 'is-task', 'label', 'name'],
  ...['network', 'publish', 'since', 'status', 'volume'],
];

export interface ListOptions {
  readonly filters: Filters;
  /** Also those that do not run. */
  readonly all: boolean;
  /** Only so many, the newest, whatever their status; 0 or less: no limit. */
  readonly last: number;
}

const STATUSES = ['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead'];
const HEALTHS = ['starting', 'healthy', 'unhealthy', 'none'];

/** Containers as `ps` chooses them, newest first (moby, daemon/list.go). Throws BuildError `usage`, `not-found`. */
export function selectContainers(
  { filters, all, last }: ListOptions,
  workshop: Workshop,
): readonly ContainerState[] {
  checkValues(filters);
  const everything = workshop.containers.list();
  const shown = all || last > 0 || filters.has('status');
  const chosen = between(everything, filters, workshop)
    .filter((state) => shown || isUp(state))
    .filter((state) => matches(state, filters, workshop));
  return last > 0 ? chosen.slice(0, last) : chosen;
}

function checkValues(filters: Filters): void {
  const refuse = (key: string, wrong: (value: string) => boolean, hint: string): void => {
    for (const value of filters.get(key) ?? []) {
      if (wrong(value)) throw new BuildError('usage', `invalid filter '${key}=${value}'`, { hint });
    }
  };
  refuse('status', (value) => !STATUSES.includes(value), `one of ${STATUSES.join(', ')}`);
  refuse('health', (value) => !HEALTHS.includes(value), `one of ${HEALTHS.join(', ')}`);
  refuse('exited', (value) => !/^-?\d+$/.test(value), 'an exit code');
  refuse('is-task', (value) => !/^(true|false|1|0)$/i.test(value), 'true or false');
  for (const key of ['publish', 'expose'])
    refuse(key, (value) => !/^\d+(-\d+)?(\/(tcp|udp|sctp))?$/.test(value), 'as 80, 80/tcp, 80-90');
}

/** Older than one container, newer than another; the last of several counts, as docker's. */
function between(
  list: readonly ContainerState[],
  filters: Filters,
  { containers }: Workshop,
): readonly ContainerState[] {
  const place = (key: string): number | undefined => {
    const name = filters.get(key)?.at(-1);
    if (name === undefined) return undefined;
    const { id } = containers.find(name);
    return list.findIndex((state) => state.id === id);
  };
  const [before, since] = [place('before'), place('since')];
  return list.slice(before === undefined ? 0 : before + 1, since);
}

function matches(state: ContainerState, filters: Filters, workshop: Workshop): boolean {
  const { config, id, name } = state;
  const any = (key: string, test: (value: string) => boolean): boolean =>
    filters.get(key)?.some(test) ?? true;
  return (
    // docker's names begin with a slash, and match with it and without.
    (matchAny(filters.get('name'), name) || matchAny(filters.get('name'), `/${name}`)) &&
    any('id', (value) => id.startsWith(value)) &&
    matchLabels(filters.get('label') ?? [], config.Labels) &&
    any('exited', (code) => state.status === 'exited' && state.exitCode === Number(code)) &&
    any('status', (status) => state.status === status) &&
    any('network', (network) => isIn(state, network, workshop)) &&
    any('ancestor', (image) => descendsFrom(state, image, workshop)) &&
    any('is-task', (value) => /^(false|0)$/i.test(value)) &&
    any('health', (value) => value === healthStatus(state, workshop)) &&
    any('expose', (ports) => exposes(state, ports, workshop)) &&
    any('publish', (ports) => publishes(state, ports, workshop)) &&
    any('volume', (volume) => hasMounted(state, volume))
  );
}

/** A volume's name, a bind's source, or where either is mounted. */
function hasMounted({ mounts = [] }: ContainerState, wanted: string): boolean {
  return mounts.some(
    ({ name, source, destination }) => (name ?? source) === wanted || destination === wanted,
  );
}

function healthStatus(state: ContainerState, { containers }: Workshop): string {
  return healthOf(state, containers)?.Status ?? 'none';
}

/** The image itself, or one built on it: its layers and its history begin with the other's. */
function descendsFrom(
  { imageId, manifest }: ContainerState,
  name: string,
  workshop: Workshop,
): boolean {
  const { images, blobs } = workshop.store;
  try {
    const ancestor = images.find(name);
    if (ancestor.id === imageId) return true;
    if (!blobs.hasSync(manifest) || !blobs.hasSync(imageId)) return false;
    const config = blobs.readJson(imageId) as ImageConfig; // Checked when it came.
    const below = ancestor.config.rootfs.diff_ids;
    const steps = (ancestor.config.history ?? []).map(({ created_by: by }) => by);
    return (
      below.length > 0 &&
      below.every((diffID, i) => config.rootfs.diff_ids[i] === diffID) &&
      // Two images of the same layers differ in what was done without one.
      steps.every((step, i) => config.history?.[i]?.created_by === step)
    );
  } catch (error) {
    if (error instanceof BuildError) return false;
    throw error;
  }
}

/** What an image is for; undefined when it is not here any more. */
export function platformOf({ imageId }: ContainerState, { store }: Workshop): string | undefined {
  if (!store.blobs.hasSync(imageId)) return undefined;
  return formatPlatform(store.blobs.readJson(imageId) as ImageConfig); // Checked when it came.
}

/** By name, or by the start of a network's id. */
function isIn(state: ContainerState, network: string, workshop: Workshop): boolean {
  if (networkNames(state, workshop).includes(network)) return true;
  return state.endpoints.some((endpoint) => endpoint.network.startsWith(network));
}

function exposes(state: ContainerState, wanted: string, workshop: Workshop): boolean {
  const exposed = Object.keys(state.config.ExposedPorts ?? {});
  const ports = containerPorts(state, workshop).map(({ port }) => port);
  return [...exposed, ...ports].some((port) => covers(wanted, port));
}

function publishes(state: ContainerState, wanted: string, workshop: Workshop): boolean {
  return containerPorts(state, workshop).some(({ port, hostPort }) => {
    const [, protocol = 'tcp'] = port.split('/');
    return hostPort !== undefined && covers(wanted, `${String(hostPort)}/${protocol}`);
  });
}

/** `80`, `80-90`, each with a protocol or with tcp's. */
function covers(wanted: string, port: string): boolean {
  const [, from = '', to = from, protocol = 'tcp'] =
    /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(wanted) ?? [];
  const [number = '', kind = 'tcp'] = port.split('/');
  return kind === protocol && Number(number) >= Number(from) && Number(number) <= Number(to);
}

/** The image's name as it was given, or its short id when the name means another image by now, as docker shows it. */
export function shownImage(state: ContainerState, whole: boolean, { store }: Workshop): string {
  const { image, imageId, manifest } = state;
  if (/^(sha256:)?[0-9a-f]{6,64}$/.test(image) && imageId.replace('sha256:', '').startsWith(image))
    return image;
  try {
    if (store.images.resolve(parseReference(image))?.digest === manifest) return image;
    if (store.images.find(image).id === imageId) return image;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
  }
  return whole ? imageId : shortId(imageId);
}

export interface ContainerSize {
  /** What it wrote. */
  readonly own: number;
  /** With its image. */
  readonly total: number;
}

export async function containerSize(
  state: ContainerState,
  workshop: Workshop,
  scope: Scope,
): Promise<ContainerSize> {
  const own = writtenSize(state, workshop);
  let total = own;
  for (const id of state.layers) {
    const layer = await workshop.store.snapshots.open(id);
    if (layer !== undefined) total += (await layer.meta(scope)).fileBytes;
  }
  return { own, total };
}
