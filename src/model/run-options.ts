import type { HostConfig } from './host-config.js';
import type { RunConfig } from './oci.js';

/** `--network` with what belongs to it. */
export interface NetworkRequest {
  /** A network, `host`, `none`, `container:NAME`. */
  readonly target: string;
  readonly aliases: readonly string[];
  readonly ip?: string;
  readonly ip6?: string;
  readonly mac?: string;
  readonly gwPriority?: number;
}

/** What `run` and `create` ask for. */
export interface RunOptions {
  readonly image: string;
  /** After the image: replaces CMD. */
  readonly command: readonly string[];
  readonly name?: string;
  readonly env: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  /** '' clears. */
  readonly entrypoint?: string;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly stopSignal?: string;
  readonly interactive: boolean;
  readonly terminal: boolean;
  readonly remove: boolean;
  /** In the order given; none is the default network. */
  readonly networks: readonly NetworkRequest[];
  /** When the registry is asked for the image. */
  readonly pull: 'always' | 'missing' | 'never';
  /** A pull is not told of. */
  readonly quiet: boolean;
  /** `linux/arm64`; absent: the machine's. */
  readonly platform?: string;
  /** Places of anonymous volumes. */
  readonly volumes: readonly string[];
  /** What was given of it; the rest is as DEFAULT_HOST_CONFIG says. */
  readonly host: Partial<HostConfig>;
  /** Replaces what the image's config says. */
  readonly config: Partial<RunConfig>;
}
