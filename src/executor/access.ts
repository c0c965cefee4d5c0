export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Who an entry belongs to, and its permissions. */
export interface Access {
  readonly owner: Owner;
  readonly mode: number;
}
