/** What the rules ask of the context's ignore file. */
export interface IgnoreFacts {
  /** A `!` line: then no single line tells what is left out. */
  readonly hasExceptions: boolean;
  /** A line that leaves out everything. */
  readonly ignoresAll: boolean;
  readonly ignores: (path: string) => boolean;
}
