import type { RemoteSources } from './executor/remote-sources.js';
import { Secrets } from './executor/secrets.js';
import type { RunSettings } from './model/run-settings.js';
import type { Http } from './registry/http.js';
import type { Workshop } from './workshop.js';

/** The web and git as this build reaches them: nothing is loaded before something is fetched. */
export function createRemoteSources(
  workshop: Workshop,
  { secrets: given = [], ssh = [] }: Pick<RunSettings, 'secrets' | 'ssh'>,
  note: RemoteSources['note'] = () => undefined,
): RemoteSources {
  const { env } = workshop;
  const secrets = new Secrets(given);
  let http: Promise<Http> | undefined;
  const makeHttp = async (): Promise<Http> => {
    const { createHttp } = await import('./registry/http.js');
    return createHttp({ env, peer: 'host' });
  };
  return {
    http: () => (http ??= makeHttp()),
    get known() {
      return workshop.store.sources; // Asked only at a fetch: a check opens no store.
    },
    secret: (id) => Promise.resolve(secrets.get(id)?.toString()),
    ssh,
    env,
    note,
    temporary: async () => (await workshop.store.lease()).dir,
  };
}
