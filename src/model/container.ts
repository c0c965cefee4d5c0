import type { Digest } from './digest.js';
import { BuildError } from './error.js';
import type { HostConfig } from './host-config.js';
import type { EndpointConfig } from './network.js';
import type { RunConfig } from './oci.js';
import type { ContainerMount } from './volume.js';

export type ContainerStatus = 'created' | 'running' | 'paused' | 'exited';

/** What was asked when a container was created. */
export interface ContainerConfig {
  /** 64 hex characters. */
  readonly id: string;
  readonly name: string;
  /** As the user named it. */
  readonly image: string;
  readonly imageId: Digest;
  /** The image's manifest: what a commit builds on, also when the image lost its names. */
  readonly manifest: Digest;
  /** Tree ids of the image's layers, bottom first. */
  readonly layers: readonly string[];
  /** The image's config with what was asked on top: docker's `Config`. */
  readonly config: RunConfig;
  /** Entrypoint and command as run. */
  readonly args: readonly string[];
  readonly hostname: string;
  readonly domainname?: string;
  /** A pseudo-terminal for its first process. */
  readonly terminal: boolean;
  /** Its stdin stays open for whoever attaches. */
  readonly openStdin: boolean;
  /** Removed when it ends. */
  readonly autoRemove: boolean;
  /** Networks it joins when it starts, its way out first; none when it has the host's network, another's or none. */
  readonly endpoints: readonly EndpointConfig[];
  readonly hostConfig: HostConfig;
  /** Those inside others after them. */
  readonly mounts?: readonly ContainerMount[];
  /** RFC 3339. */
  readonly created: string;
}

/** What is kept of a container: containers/<id>/state.json. */
export interface ContainerState extends ContainerConfig {
  readonly status: ContainerStatus;
  readonly exitCode: number;
  /** Of its first process on the host, while it runs; 0 else. */
  readonly pid: number;
  /** When that process began, in clock ticks since boot: with the pid, who it is. */
  readonly pidStart?: string;
  /** RFC 3339. */
  readonly started?: string;
  readonly finished?: string;
  /** The kernel ended it, for its memory limit. */
  readonly oomKilled?: boolean;
}

/** docker's: 127 not found, 126 not executable, 125 for what the engine could not do. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof BuildError)) return 137;
  if (error.code === 'not-found') return 127;
  return error.code === 'run-failed' ? 126 : 125;
}
