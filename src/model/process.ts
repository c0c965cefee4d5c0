import type { RunResources, Ulimit } from './run-settings.js';
import type { Scope } from './scope.js';

export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

export interface BindMount {
  /** Absolute host path. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly target: string;
  readonly readonly: boolean;
}

/** `pipe`: chunks go to the callbacks and stdin is empty. `inherit`: our own three descriptors. */
export type Stdio =
  | {
      readonly kind: 'pipe';
      readonly onOutput: (stream: 'stdout' | 'stderr', data: Uint8Array) => void;
    }
  | {
      readonly kind: 'inherit';
      /** False: stdin is /dev/null. */
      readonly stdin: boolean;
      /** A pseudo-terminal for the process (needs a terminal on our stdin). */
      readonly terminal: boolean;
      /** Of our own terminal, for the new one to begin with. */
      readonly size?: TerminalSize;
    }
  /** A monitor's, which outlives us. */
  | { readonly kind: 'monitor'; readonly terminal: boolean; readonly size?: TerminalSize };

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A device node in the container's /dev. */
export interface DeviceNode {
  readonly path: string;
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What differs from Docker's default confinement. */
export interface Confinement {
  /** All capabilities, no seccomp filter, nothing masked, sysfs writable. */
  readonly insecure: boolean;
  readonly devices: readonly DeviceNode[];
  readonly ulimits?: readonly Ulimit[];
  /** Bytes of /dev/shm. */
  readonly shmSize?: number;
  readonly cgroupParent?: string;
  readonly resources?: RunResources;
}

/** One that is there already. */
export interface NetworkNamespace {
  readonly path: string;
}

/** A process to run in a container of its own. */
export interface ProcessSpec {
  /** Unique per run; letters, digits, `-`. */
  readonly id: string;
  /** Mounted, writable root filesystem. */
  readonly root: string;
  readonly args: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: Identity;
  readonly network: 'host' | 'none' | NetworkNamespace;
  readonly hostname: string;
  readonly mounts: readonly BindMount[];
  readonly stdio: Stdio;
  readonly confinement?: Confinement;
  /** Gets the pid of the supervisor of the container, once it started. */
  readonly onStart?: (pid: number) => void;
}

/** How the process ended. `code` is 128 + signal when a signal ended it. */
export interface ExitStatus {
  readonly code: number;
  readonly signal?: string;
}

/**
 * Runs one process in its namespaces with Docker's default confinement and waits. Aborting kills everything in
 * the container and rejects with the reason. Nothing it started survives it, nor our own death by SIGKILL.
 * Throws BuildError `runtime` where the machine cannot do it, `not-found` when argv[0] is not in the container
 * (exit code 127), `run-failed` with 126 when it is not executable.
 */
export interface Runtime extends AsyncDisposable {
  run(process: ProcessSpec, scope: Scope): Promise<ExitStatus>;
}

/** Where a monitored container keeps its things. */
export interface MonitorPlace {
  /** containers/<id>: `bundle/`, `runtime/`, `exit/`, `log`, `pid`. */
  readonly dir: string;
  /** Held by the monitor as long as it lives. */
  readonly lockFd: number;
  /** Kept open by the monitor as long as the container runs. */
  readonly sockets: readonly number[];
  /** Its stdin stays open for whoever attaches. */
  readonly openStdin: boolean;
  /** argv of a program that runs when the container ended. */
  readonly onExit?: readonly string[];
}

/** A process in a container that runs. */
export interface ExecSpec {
  /** The container's. */
  readonly id: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: Identity;
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** Not waited for, without input or output. */
  readonly detach: boolean;
}

/**
 * Runs containers that outlive this process, each under a small monitor that keeps its terminal, log and exit code.
 * Throws BuildError as Runtime does.
 */
export interface Monitor extends AsyncDisposable {
  /** Makes the container; its process waits for `start`. Gives that process' pid on the host. */
  create(spec: ProcessSpec, place: MonitorPlace): Promise<number>;
  start(id: string, dir: string): Promise<void>;
  /** Runs a process with our stdin, stdout and stderr and waits for it. */
  exec(spec: ExecSpec, dir: string, scope: Scope): Promise<ExitStatus>;
}
