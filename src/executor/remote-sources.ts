import type { SourceRecords } from '../cache/source-records.js';
import type { Material } from '../model/build-record.js';
import type { SshSource } from '../model/run-settings.js';
import type { Http } from '../registry/http.js';

/** What reaching the web and git takes. */
export interface RemoteSources {
  /** Made when the first URL is fetched. */
  readonly http: () => Promise<Http>;
  readonly known: SourceRecords;
  /** A build secret's text, if it was given: HTTP_AUTH_TOKEN_host, GIT_AUTH_TOKEN and their like. */
  readonly secret: (id: string) => Promise<string | undefined>;
  /** `--ssh`: git asks the one called `default`. */
  readonly ssh: readonly SshSource[];
  /** For proxies and the user's own ssh. */
  readonly env: NodeJS.ProcessEnv;
  /** A private directory that goes with the process. */
  readonly temporary: () => Promise<string>;
  /** Told of what is used, whether it came now or was known. */
  readonly note: (material: Material) => void;
}
