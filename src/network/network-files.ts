import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceDurably } from '../cache/durable.js';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import { nearest } from '../model/nearest.js';
import type { Network } from '../model/network.js';

/** Networks on disk: `networks/<id>.json`. The three that are always there have ids made of the store's path. */
export interface NetworkFiles {
  /** By name. The default network's subnet is chosen when it is first used, and empty until then. */
  readonly list: () => readonly Network[];
  /** By name, id, or start of an id. Throws BuildError `not-found` in docker's words. */
  readonly find: (text: string) => Network;
  /** By name or whole id; undefined when there is none. */
  readonly known: (text: string) => Network | undefined;
  readonly write: (network: Network) => void;
  readonly remove: (id: string) => void;
}

export const DEFAULT_NETWORK = 'bridge';
/** Where a store of the whole machine is: the bridge there has a name that firewalls can count on. */
const MACHINE_STORE = '/var/lib/stave';

export function createNetworkFiles(
  directory: string,
  { root, temporary }: { readonly root: string; readonly temporary: () => string },
): NetworkFiles {
  const path = (id: string): string => join(directory, `${id}.json`);
  const list = (): readonly Network[] => {
    const written = namesIn(directory).flatMap((name) => readNetwork(join(directory, name)));
    const known = new Set(written.map(({ id }) => id));
    const others = predefined(root).filter(({ id }) => !known.has(id));
    return [...written, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
  };
  return {
    list,
    find: (text) => unwritten(text, root) ?? find(text, list()),
    known: (text) => unwritten(text, root) ?? list().find((network) => isCalled(network, text)),
    write: (network) => {
      replaceDurably(path(network.id), JSON.stringify(network), temporary());
    },
    remove: (id) => {
      rmSync(path(id), { force: true });
    },
  };
}

export function isPredefined(name: string): boolean {
  return ['bridge', 'host', 'none', 'default'].includes(name);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

function readNetwork(file: string): Network[] {
  try {
    return [JSON.parse(readFileSync(file, 'utf8')) as Network]; // Written whole by replaceDurably.
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return []; // Removed meanwhile.
    if (!(error instanceof SyntaxError)) throw error;
    throw new BuildError('integrity', `${file} is damaged: ${error.message}`, {
      hint: 'stave store check --repair takes the network away; then create it again',
    });
  }
}

function predefined(root: string): Network[] {
  return (['bridge', 'host', 'none'] as const).map((name) => {
    const id = createHash('sha256').update(`${name}\0${root}`).digest('hex');
    const bridge = root === MACHINE_STORE ? 'stave0' : bridgeName(id);
    return {
      id,
      name,
      driver: name === 'none' ? 'null' : name,
      created: '0001-01-01T00:00:00Z',
      internal: false,
      ipv6: false,
      attachable: false,
      labels: {},
      options: {},
      subnets: [],
      bridge: name === 'bridge' ? bridge : '',
    };
  });
}

/** `host` and `none` are on no disk: who wants one does not depend on the files of others. */
function unwritten(text: string, root: string): Network | undefined {
  return predefined(root).find((each) => each.driver !== 'bridge' && isCalled(each, text));
}

function isCalled({ id, name }: Network, text: string): boolean {
  return id === text || name === text;
}

/** docker's; an interface's name has 15 characters at most. */
export function bridgeName(id: string): string {
  return `br-${id.slice(0, 12)}`;
}

function find(text: string, networks: readonly Network[]): Network {
  const exact =
    networks.find(({ id }) => id === text) ?? networks.find(({ name }) => name === text);
  if (exact !== undefined) return exact;
  const started = networks.filter(({ id }) => text !== '' && id.startsWith(text));
  const [only] = started;
  if (started.length === 1 && only !== undefined) return only;
  if (started.length > 1) {
    throw new BuildError(
      'not-found',
      `network ${text} is ambiguous (${String(started.length)} matches found based on ID prefix)`,
      {
        hint: 'give more characters',
      },
    );
  }
  const near = nearest(
    text,
    networks.map(({ name }) => name),
  );
  const hint = near === undefined ? 'stave network ls lists them' : `did you mean ${near}?`;
  throw new BuildError('not-found', `network ${text} not found`, { hint });
}
