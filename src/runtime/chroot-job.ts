import type { TerminalSize } from '../model/process.js';

/** What a process in a chroot is told by the engine: a line of JSON on its channel. */
export interface ChrootJob {
  readonly root: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** By number. */
  readonly capabilities: readonly number[];
  /** Resource numbers, soft and hard limit. */
  readonly limits: readonly (readonly [number, number, number])[];
  /** A compiled filter, base64. The kernel takes one only from who can gain no privileges any more. */
  readonly seccomp?: string;
  readonly noNewPrivileges?: boolean;
  readonly oomScoreAdj?: number;
  /** Its descriptor 0 becomes its controlling terminal. */
  readonly terminal?: boolean;
  /** It may outlive who started it. */
  readonly stays?: boolean;
}

/** A container's, in a file of its bundle. */
export interface ChrootContainerJob extends ChrootJob {
  readonly size?: TerminalSize;
  /** Pipes in the filesystem: a byte in the first lets the program begin and removes it; the second says why it could not. */
  readonly start: string;
  readonly begun: string;
}

/** What the supervisor says at the end. */
export interface ChrootEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why the program could not be started. */
  readonly failure?: ChrootFailure;
}

export interface ChrootFailure {
  readonly code: string;
  readonly syscall: string;
  readonly path?: string;
  readonly directory?: boolean;
}

/** Of all these processes. */
export const CHANNEL = 3;
