import { readFileSync, writeFileSync } from 'node:fs';
import type { ContainerState } from '../model/container.js';
import { BuildError } from '../model/error.js';
import {
  type Attaching,
  type Attachment,
  type ContainerNetworks,
  dnsNames,
} from '../model/network.js';
import { portRequests } from '../model/port-requests.js';
import type { BindMount, ProcessSpec } from '../model/process.js';
import { containerHosts, containerResolvConf, hostResolvConf } from '../runtime/container-files.js';
import type { ContainerStore } from './container-store.js';
import { killHalfStarted } from './half-started.js';
import { startOf } from '../sys/process-start.js';

export interface NetworkDeps {
  readonly containers: ContainerStore;
  readonly networks: () => ContainerNetworks;
}

/** What of a container that starts is network. */
export interface StartingNetwork extends AsyncDisposable {
  readonly namespace: ProcessSpec['network'];
  /** /etc/hosts, resolv.conf and hostname. */
  readonly mounts: readonly BindMount[];
  readonly sockets: readonly number[];
  /** Something on the host has to be taken down at its end. */
  readonly attached: boolean;
  /** Interfaces and rules are there. Rejects with BuildError `runtime`. */
  readonly ready: Promise<void>;
  /** It runs: what it has stays. Not started, all is taken down when this is disposed. */
  readonly commit: () => void;
}

/** Throws BuildError `conflict` when the container whose network it shares does not run, and what attach throws. */
export async function startNetwork(
  state: ContainerState,
  deps: NetworkDeps,
): Promise<StartingNetwork> {
  const mode = state.hostConfig.NetworkMode;
  const shared = /^container:(.*)$/s.exec(mode)?.[1];
  if (shared !== undefined) return nothingToDo(...shareNetwork(shared, deps.containers));
  if (state.endpoints.length > 0) return attachNetwork(state, deps);
  const namespace = mode === 'none' ? 'none' : 'host';
  return nothingToDo(namespace, writeFiles(state, deps.containers));
}

function nothingToDo(
  namespace: ProcessSpec['network'],
  mounts: readonly BindMount[],
): StartingNetwork {
  return {
    namespace,
    mounts,
    sockets: [],
    attached: false,
    ready: Promise.resolve(),
    commit: () => undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** The namespace and the files of another container. */
function shareNetwork(
  id: string,
  containers: ContainerStore,
): [ProcessSpec['network'], readonly BindMount[]] {
  const other = containers.read(id);
  if (other === undefined) throw new BuildError('not-found', `No such container: ${id}`);
  const lives = containers.isRunning(id) && startOf(other.pid) === other.pidStart;
  if (!lives) {
    throw new BuildError(
      'conflict',
      `cannot join network namespace of a non running container: container ${other.name} is ${other.status}`,
      { hint: `stave start ${other.name}` },
    );
  }
  const path = `/proc/${String(other.pid)}/ns/net`;
  return [{ path }, FILES.map((name) => mountOf(name, containers.path(id, name)))];
}

const FILES = ['hosts', 'resolv.conf', 'hostname'] as const;

async function attachNetwork(
  state: ContainerState,
  { containers, networks }: NetworkDeps,
): Promise<StartingNetwork> {
  const { hostConfig, config, endpoints, id, name } = state;
  const attaching = await networks().attach(
    {
      container: id,
      name,
      endpoints: endpoints.map((each) => ({ ...each, aliases: dnsNames(state, each) })),
      ports: portRequests(hostConfig, config.ExposedPorts),
      dns: hostConfig.Dns,
    },
    new AbortController().signal,
  );
  const mounts = writeFiles(state, containers, attaching.attachment);
  return {
    namespace: { path: attaching.namespace },
    mounts,
    sockets: attaching.sockets,
    attached: true,
    ready: attaching.ready,
    ...ending(attaching, async () => {
      // Who waits in its namespace keeps its interfaces on the bridge.
      killHalfStarted(containers.path(id), id);
      await networks().detach(id, new AbortController().signal);
    }),
  };
}

function ending({ ready, release }: Attaching, detach: () => Promise<void>) {
  let started = false;
  return {
    commit: () => {
      started = true;
    },
    async [Symbol.asyncDispose]() {
      const failed = await ready.then(
        () => false,
        () => true,
      );
      release();
      if (!started && !failed) await detach();
    },
  };
}

/** Kept with the container, for every exec and for who shares its network. */
function writeFiles(
  state: ContainerState,
  containers: ContainerStore,
  attachment?: Attachment,
): BindMount[] {
  const texts = {
    hosts: containerHosts(state, attachment),
    'resolv.conf': containerResolvConf(hostResolvConf(readHostFile), state, attachment),
    hostname: `${state.hostname}\n`,
  };
  return FILES.map((name) => {
    const source = containers.path(state.id, name);
    writeFileSync(source, texts[name], { mode: 0o644 });
    return mountOf(name, source);
  });
}

function mountOf(name: string, source: string): BindMount {
  return { source, target: `/etc/${name}`, readonly: false };
}

function readHostFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // Without one the container has none either.
  }
}
