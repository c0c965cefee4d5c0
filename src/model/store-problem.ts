/** Something in the store that is not as it was written. */
export interface StoreProblem {
  /** `blob sha256:...`, `image bb:latest`. */
  readonly what: string;
  readonly problem: string;
  /** What a person can do. */
  readonly remedy: string;
  /** Makes it as if it had never been there, or right again; absent where only a person can decide. */
  readonly fix?: () => void;
}

/** What was looked at of one kind, and what is wrong with it. */
export interface Checked {
  readonly kind: string;
  readonly count: number;
  readonly problems: readonly StoreProblem[];
}
