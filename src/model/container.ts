import type { Digest } from './digest.js';
import { BuildError } from './error.js';
import type { RunConfig } from './oci.js';

export type ContainerStatus = 'created' | 'running' | 'exited';

/** What is kept of a container: containers/<id>/state.json. */
export interface ContainerState {
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
  readonly status: ContainerStatus;
  readonly exitCode: number;
  /** Of the stave process that runs it; only meaningful while its lock is held. */
  readonly pid: number;
  /** RFC 3339. */
  readonly created: string;
  readonly started?: string;
  readonly finished?: string;
}

/** docker's: 127 not found, 126 not executable, 125 for what the engine could not do. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof BuildError)) return 137;
  if (error.code === 'not-found') return 127;
  return error.code === 'run-failed' ? 126 : 125;
}
