import { mergedView } from '../cache/merged-view.js';
import { userFiles } from '../cache/user-files.js';
import type { ContainerState } from '../model/container.js';
import { DEFAULT_PATH, workingDir } from '../model/container-defaults.js';
import type { ExecEnd, Monitor } from '../model/process.js';
import type { Scope } from '../model/scope.js';
import type { Snapshot } from '../model/stores.js';
import { tweakedCapabilities } from '../runtime/capabilities.js';
import { resolveUser } from '../runtime/users.js';
import { treesOf } from './container-copy.js';
import type { ContainerStore } from './container-store.js';
import { mergeEnv } from './create-container.js';

export interface ExecOptions {
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  readonly interactive: boolean;
  readonly terminal: boolean;
  readonly detach: boolean;
  readonly detachKeys?: readonly number[];
  /** With every capability there is, whatever the container's own may. */
  readonly privileged?: boolean;
  readonly pidFile?: string;
  readonly onOutput?: (stream: 'stdout' | 'stderr', data: Uint8Array) => void;
}

export interface ExecDeps {
  readonly containers: ContainerStore;
  readonly monitor: () => Promise<Monitor>;
  readonly snapshot: Snapshot;
}

/** Runs one more process in a container that runs, with our streams, and gives how it ended. */
export async function execInContainer(
  state: ContainerState,
  options: ExecOptions,
  { containers, monitor, snapshot }: ExecDeps,
  scope: Scope,
): Promise<ExecEnd> {
  const { config } = state;
  // Users as the container sees them now: its layers and what it wrote on top.
  const trees = treesOf(state.id, { containers, snapshot });
  const user = resolveUser(userFiles(mergedView(trees)), options.user ?? config.User ?? '');
  const base = [`PATH=${DEFAULT_PATH}`].concat(
    options.terminal ? ['TERM=xterm'] : [],
    `HOSTNAME=${state.hostname}`,
    `HOME=${user.home}`,
  );
  const running = await monitor();
  return running.exec(
    {
      id: state.id,
      args: options.command,
      env: mergeEnv(base, config.Env ?? [], options.env),
      cwd: options.workdir ?? workingDir(config),
      user,
      confinement: execConfinement(state, options.privileged === true),
      terminal: options.terminal,
      stdin: options.interactive,
      detach: options.detach,
      ...(options.detachKeys === undefined ? {} : { detachKeys: options.detachKeys }),
      ...(options.pidFile === undefined ? {} : { pidFile: options.pidFile }),
      ...(options.onOutput === undefined ? {} : { onOutput: options.onOutput }),
    },
    containers.path(state.id),
    scope,
  );
}

/** A process that joins a container may do what the container's own may. */
function execConfinement({ hostConfig }: ContainerState, privileged: boolean) {
  const { Privileged, CapAdd, CapDrop, SecurityOpt } = hostConfig;
  const options = SecurityOpt ?? [];
  const insecure = privileged || Privileged;
  return {
    insecure,
    ...(insecure || (CapAdd ?? CapDrop) === null
      ? {}
      : { capabilities: tweakedCapabilities(CapAdd ?? [], CapDrop ?? []) }),
    noNewPrivileges: options.some((option) =>
      /^no-new-privileges($|[=:](true|1|t)$)/i.test(option),
    ),
  };
}
