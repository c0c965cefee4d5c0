import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { syncDirectory } from '../cache/durable.js';
import { ensureLayers } from '../cache/ensure-layers.js';
import type { ContainerState } from '../model/container.js';
import type { Digest } from '../model/digest.js';
import { BuildError } from '../model/error.js';
import { DEFAULT_HOST_CONFIG } from '../model/host-config.js';
import { mergedHealthcheck } from '../model/health.js';
import type { EndpointConfig } from '../model/network.js';
import { type RunConfig, withoutNulls } from '../model/oci.js';
import type { RunOptions } from '../model/run-options.js';
import type { Scope } from '../model/scope.js';
import type { Snapshot } from '../model/stores.js';
import { makeDeep } from '../sys/make-deep.js';
import { containerMounts } from './container-mounts.js';
import type { ContainerStore } from './container-store.js';
import { randomName } from './names.js';
import { saveState } from './state-file.js';
import type { VolumeStore } from './volume-store.js';

export interface RunImage {
  readonly id: Digest;
  readonly manifest: Digest;
  readonly config: RunConfig;
  readonly snapshot: Snapshot;
}

export interface CreateDeps {
  readonly containers: ContainerStore;
  readonly now: () => number;
  readonly endpoints: readonly EndpointConfig[];
  readonly volumes: () => VolumeStore;
  /** Swept when we are killed. */
  readonly temporary: () => string;
}

/** Writes a container that has not started. Throws BuildError `conflict` when its name is taken, in docker's words. */
export async function createContainer(
  options: RunOptions,
  image: RunImage,
  { containers, now, endpoints, volumes, temporary }: CreateDeps,
  scope: Scope,
): Promise<ContainerState> {
  const id = randomBytes(32).toString('hex');
  const hostname = checkedHostname(options.hostname) ?? id.slice(0, 12);
  const config = configOf(options, withoutNulls(image.config));
  const args = argsOf(config);
  await ensureLayers(image.snapshot.layers, scope);
  // Of two that are created at once with one name, one finds it taken.
  await using _names = await containers.lockNames(scope.signal);
  const name = nameFor(options.name, containers);
  const hostConfig = { ...DEFAULT_HOST_CONFIG, ...options.host, AutoRemove: options.remove };
  const anonymous = Object.keys(config.Volumes ?? {});
  const deps = { volumes: volumes(), findContainer: containers.find };
  const mounts = containerMounts({ host: hostConfig, anonymous }, deps);
  const state: ContainerState = {
    id,
    name,
    image: options.image,
    imageId: image.id,
    manifest: image.manifest,
    layers: image.snapshot.layers.map((layer) => layer.id),
    config,
    args,
    hostname,
    ...(options.domainname === undefined ? {} : { domainname: options.domainname }),
    terminal: options.terminal,
    openStdin: options.interactive,
    autoRemove: options.remove,
    endpoints,
    hostConfig,
    mounts,
    status: 'created',
    exitCode: 0,
    pid: 0,
    created: new Date(now()).toISOString(),
  };
  const place = join(temporary(), id);
  for (const part of ['upper', 'work', 'root']) makeDeep(join(place, part), 0o755);
  saveState(join(place, 'state.json'), state);
  // Whole or not at all.
  renameSync(place, containers.path(id));
  syncDirectory(dirname(containers.path(id)));
  return state;
}

/** It becomes a line of /etc/hosts: no second one may be in it. 64 bytes are what the kernel takes. */
function checkedHostname(wanted: string | undefined): string | undefined {
  if (wanted === undefined || /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(wanted)) return wanted;
  throw new BuildError('usage', `invalid hostname ${JSON.stringify(wanted)}`, {
    hint: 'a host name has at most 64 letters, digits, dots and hyphens',
  });
}

function nameFor(wanted: string | undefined, containers: ContainerStore): string {
  const taken = new Map(containers.list().map(({ name, id }) => [name, id]));
  if (wanted === undefined) return randomName(new Set(taken.keys()));
  checkName(wanted, taken);
  return wanted;
}

/** Throws BuildError `usage` on a malformed name, `conflict` on one that another container has. */
export function checkName(wanted: string, taken: ReadonlyMap<string, string>): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(wanted)) {
    throw new BuildError(
      'usage',
      `Invalid container name (${wanted}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }
  const other = taken.get(wanted);
  if (other === undefined) return;
  throw new BuildError(
    'conflict',
    `Conflict. The container name "/${wanted}" is already in use by container "${other}". You have to remove (or rename) that container to be able to reuse that name.`,
    {
      hint: `stave rm ${wanted}`,
    },
  );
}

/** What docker keeps as the container's Config: an image committed from it starts the same. */
function configOf(options: RunOptions, config: RunConfig): RunConfig {
  const { entrypoint, command, user, workdir, labels, stopSignal } = options;
  const own =
    entrypoint === undefined ? config.Entrypoint : entrypoint === '' ? null : [entrypoint];
  // A given entrypoint drops the image's CMD.
  const cmd = command.length > 0 ? command : entrypoint === undefined ? config.Cmd : null;
  return {
    ...config,
    ...(own === undefined ? {} : { Entrypoint: own }),
    ...(cmd === undefined ? {} : { Cmd: cmd }),
    ...(user === undefined ? {} : { User: user }),
    ...(workdir === undefined ? {} : { WorkingDir: workdir }),
    ...(labels === undefined ? {} : { Labels: { ...config.Labels, ...labels } }),
    ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
    ...volumesPart(options, config),
    ...options.config,
    ...exposed(config.ExposedPorts, options.config.ExposedPorts),
    ...healthPart(options.config, config),
    Env: withDefaults(options.env, config.Env ?? []),
  };
}

/** What is published or exposed is so on top of what the image exposes. */
function exposed(image: RunConfig['ExposedPorts'], given: RunConfig['ExposedPorts']): RunConfig {
  return given === undefined ? {} : { ExposedPorts: { ...image, ...given } };
}

function healthPart(given: Partial<RunConfig>, image: RunConfig): RunConfig {
  const check = mergedHealthcheck(given.Healthcheck, image.Healthcheck);
  return check === undefined ? {} : { Healthcheck: check };
}

function volumesPart({ volumes }: RunOptions, { Volumes }: RunConfig): RunConfig {
  if (volumes.length === 0) return {};
  return { Volumes: { ...Volumes, ...Object.fromEntries(volumes.map((path) => [path, {}])) } };
}

function argsOf({ Entrypoint, Cmd }: RunConfig): readonly string[] {
  const args = [...(Entrypoint ?? []), ...(Cmd ?? [])];
  if (args.length > 0) return args;
  throw new BuildError('usage', 'No command specified', {
    hint: 'the image has no CMD: name a command after it',
  });
}

/** What was given, then what the image has besides: docker's order. */
function withDefaults(given: readonly string[], image: readonly string[]): readonly string[] {
  const own = mergeEnv(given);
  const names = new Set(own.map(variableName));
  return [...own, ...image.filter((entry) => !names.has(variableName(entry)))];
}

function variableName(entry: string): string {
  return entry.split('=', 1)[0] ?? '';
}

/** Later entries replace earlier ones of the same name, in their place. */
export function mergeEnv(...lists: readonly (readonly string[])[]): string[] {
  const merged = new Map<string, string>();
  for (const entry of lists.flat()) merged.set(variableName(entry), entry);
  return [...merged.values()];
}
