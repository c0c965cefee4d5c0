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

export type OnOutput = (stream: 'stdout' | 'stderr', data: Uint8Array) => void;

/** `pipe`: chunks go to the callbacks and stdin is empty. `inherit`: our own three descriptors. */
export type Stdio =
  | {
      readonly kind: 'pipe';
      readonly onOutput: OnOutput;
    }
  | {
      readonly kind: 'inherit';
      /** False: stdin is /dev/null. */
      readonly stdin: boolean;
      /** A pseudo-terminal for the process (needs a terminal on our stdin). */
      readonly terminal: boolean;
    }
  /** A monitor's, which outlives us; `size` is our own terminal's, for the new one to begin with. */
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
  /** Bytes of /dev/shm; 0: there is none. */
  readonly shmSize?: number;
  readonly cgroupParent?: string;
  readonly resources?: RunResources;
  /** Bounding set, instead of Docker's default. */
  readonly capabilities?: readonly string[];
  /** Instead of Docker's default: none, or one in the runtime-spec's words. */
  readonly seccomp?: 'unconfined' | SeccompProfile;
  readonly noNewPrivileges?: boolean;
  /** Instead of Docker's list. */
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly readonlyRoot?: boolean;
  /** More than Docker's, which only a device cgroup can enforce. */
  readonly deviceRules?: readonly DeviceRule[];
  readonly writableCgroups?: boolean;
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly oomScoreAdj?: number;
  /** What is not named is the container's own. */
  readonly namespaces?: Namespaces;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Put under /dev and /sys by the runtime, when those are there. */
  readonly lateMounts?: readonly LateMount[];
}

/** `host`: the machine's; a path: another container's. */
export interface Namespaces {
  readonly pid?: string;
  readonly ipc?: string;
  readonly uts?: 'host';
  readonly cgroup?: 'private';
}

export interface LateMount {
  readonly destination: string;
  readonly type: 'bind' | 'tmpfs';
  readonly source: string;
  readonly options: readonly string[];
}

/** A line of the device cgroup; -1 is any number. */
export interface DeviceRule {
  readonly type: 'a' | 'b' | 'c';
  readonly major: number;
  readonly minor: number;
  /** Of `r`, `w`, `m`. */
  readonly access: string;
}

/** OCI runtime-spec config-linux.md, "Seccomp". */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly flags?: readonly string[];
  readonly syscalls?: readonly SeccompRule[];
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArg[];
}

export interface SeccompArg {
  readonly index: number;
  readonly op: string;
  readonly value: number;
  readonly valueTwo?: number;
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
  /** `chroot`: nothing is mounted for a step, what it is to have is put into its root. */
  readonly isolation: 'namespaces' | 'chroot';
  /** Begins what the next run needs whatever it runs; not waited for, and nothing is said of it. */
  warmUp(): void;
  run(process: StepProcess, scope: Scope): Promise<ExitStatus>;
}

/** A process whose output is heard while it runs. The runtime names its container. */
export interface StepProcess extends Omit<ProcessSpec, 'id' | 'stdio'> {
  readonly onOutput: OnOutput;
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
  /** False: what it says is kept nowhere. */
  readonly log: boolean;
  /** The log begins anew when it is longer. */
  readonly logBytes?: number;
  /** `crun` or `runc`; absent: the first that is there. */
  readonly runtime?: string;
  /** argv of a program that runs when the container ended. */
  readonly onExit?: readonly string[];
}

export interface ExecEnd extends ExitStatus {
  /** By the keys: it goes on, and the code says nothing. */
  readonly detached?: boolean;
}

/** A process in a container that runs. */
export interface ExecSpec {
  /** The container's. */
  readonly id: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: Identity;
  /** The container's. */
  readonly confinement?: Pick<Confinement, 'insecure' | 'capabilities' | 'noNewPrivileges'>;
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** Not waited for, without input or output; its terminal is kept until it ends. */
  readonly detach: boolean;
  /** Bytes of our input by which it goes on without us: of one with a terminal. */
  readonly detachKeys?: readonly number[];
  /** Where its pid on the host is written. */
  readonly pidFile?: string;
  /** Takes its output instead of our own stdout and stderr; its input is empty. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', data: Uint8Array) => void;
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
  exec(spec: ExecSpec, dir: string, scope: Scope): Promise<ExecEnd>;
}
