import type { Digest } from './digest.js';

export type ContainerStatus = 'created' | 'running' | 'exited';

/** What is kept of a container: containers/<id>/state.json. */
export interface ContainerState {
  /** 64 hex characters. */
  readonly id: string;
  readonly name: string;
  /** As the user named it. */
  readonly image: string;
  readonly imageId: Digest;
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
