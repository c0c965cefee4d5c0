import type { CacheMountRequest, CacheMounts } from '../cache/cache-mounts.js';
import type { ImageSpec } from '../model/graph.js';
import type { Runtime } from '../model/process.js';
import type { RunSettings } from '../model/run-settings.js';
import type { Scope } from '../model/scope.js';
import type { Snapshot, Snapshotter } from '../model/stores.js';
import type { BuildContext } from './build-context.js';
import type { RemoteSources } from './remote-sources.js';
import type { Secrets } from './secrets.js';

/** What steps need of the house; everything slow is asked for when a step needs it. */
export interface ExecutorDeps {
  readonly snapshots: Snapshotter;
  readonly runtime: () => Promise<Runtime>;
  /** The build context, or the named one; opened when the first step reads it. */
  readonly context: (scope: Scope, name?: string) => Promise<BuildContext>;
  /** An image's layers, lazy: nothing is downloaded or unpacked yet. */
  readonly openImage: (spec: ImageSpec) => Promise<Snapshot>;
  readonly remote: RemoteSources;
  /** A private directory that goes with the process. */
  readonly temporary: () => Promise<string>;
  /** Does it when there is nothing better to do, or leaves it to the lease. */
  readonly later: (work: () => void) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly mounts: CacheMounts;
  /** Brings a cache mount from elsewhere where this machine has none. */
  readonly bringMount?: ((request: CacheMountRequest, scope: Scope) => Promise<void>) | undefined;
  /** What the command line says about every RUN. */
  readonly settings: RunSettings;
  readonly secrets: Secrets;
  /** Cache mounts that this build has begun anew. */
  readonly freshMounts: Set<string>;
}
