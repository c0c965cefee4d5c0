/** A named directory of the store that outlives containers: volumes/<name>/meta.json and _data. */
export interface Volume {
  readonly name: string;
  /** RFC 3339. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Made for one container: removed with it by `rm -v` and `run --rm`. */
  readonly anonymous: boolean;
}

/** What is mounted into a container: docker's `Mounts` of inspect, and how. */
export interface ContainerMount {
  readonly type: 'bind' | 'volume' | 'tmpfs';
  /** Of a volume. */
  readonly name?: string;
  /** Of a bind: a path of the machine. */
  readonly source?: string;
  /** Absolute and clean. */
  readonly destination: string;
  readonly readonly: boolean;
  /** As written after the second colon of -v. */
  readonly mode: string;
  /** A bind without what is mounted below its source. */
  readonly nonRecursive?: boolean;
  /** A bind's source that is not there is made, as a directory. */
  readonly createSource?: boolean;
  /** An empty volume does not take over what the image has in its place. */
  readonly noCopy?: boolean;
  /** A directory or file of a volume. */
  readonly subpath?: string;
  /** Of a tmpfs: as in tmpfs(5), and mount flags. */
  readonly options?: readonly string[];
}

/** Names of the volumes a container has mounted. */
export function volumesOf(
  state: { readonly mounts?: readonly ContainerMount[] | undefined } | undefined,
): readonly string[] {
  return (state?.mounts ?? []).flatMap(({ name }) => name ?? []);
}
