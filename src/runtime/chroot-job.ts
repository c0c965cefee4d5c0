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

/** Of both processes. */
export const CHANNEL = 3;
