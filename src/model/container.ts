import type { Digest } from './digest.js';
import { BuildError } from './error.js';
import type { HostConfig } from './host-config.js';
import type { EndpointConfig } from './network.js';
import type { RunConfig } from './oci.js';
import type { ContainerMount } from './volume.js';

export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'exited';

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
  /** Why it could not be started the last time. */
  readonly error?: string;
  /** Somebody asked for its end: its restart policy says nothing until its next start. */
  readonly stopped?: boolean;
  /** How often its restart policy started it again, since somebody started it. */
  readonly restartCount?: number;
  /** The pause before the last of these. */
  readonly pauseMs?: number;
  /** Of the end before the last restart: for who waited for that end. */
  readonly lastExitCode?: number;
}

/** It has processes, or will soon have them again. */
export function isUp({ status }: Pick<ContainerState, 'status'>): boolean {
  return status === 'running' || status === 'paused' || status === 'restarting';
}

/** Of its last end: it may have been started again meanwhile. */
export function lastExitCode({ status, exitCode, lastExitCode: last }: ContainerState): number {
  return status === 'running' || status === 'paused' ? (last ?? exitCode) : exitCode;
}

/** docker's: 127 not found, 126 not executable, 125 for what the engine could not do. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof BuildError)) return 137;
  if (error.code === 'not-found') return 127;
  return error.code === 'run-failed' ? 126 : 125;
}
