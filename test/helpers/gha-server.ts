import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Entry {
  readonly scope: string;
  readonly key: string;
  readonly version: string;
  /** Blocks by id, then the bytes. */
  readonly blocks: Map<string, Buffer>;
  bytes: Buffer | undefined;
  committed: boolean;
}

/** GitHub's cache service (version 2) and its storage, on loopback. */
export interface GhaServer extends AsyncDisposable {
  readonly url: string;
  readonly entries: Entry[];
  readonly requests: string[];
  /** A token of a run that may read these branches, and write to the first. */
  readonly token: (...scopes: string[]) => string;
  /** Answers the next request whose line holds this with such a status, once. */
  readonly fail: (part: string, status: number) => void;
}

export async function startGha(): Promise<GhaServer> {
  const entries: Entry[] = [];
  const requests: string[] = [];
  const failures: { part: string; status: number }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const line = `${request.method ?? ''} ${request.url ?? ''}`;
      requests.push(line);
      const at = failures.findIndex(({ part }) => line.includes(part));
      const [failure] = at === -1 ? [] : failures.splice(at, 1);
      const body = Buffer.concat(parts);
      if (failure !== undefined) response.writeHead(failure.status).end();
      else if (line.includes('/twirp/')) service(request, body, { entries, base }, response);
      else if (line.includes('/actions/caches')) api(request, entries, response);
      else storage(request, body, entries, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    url: `${base}/`,
    entries,
    requests,
    token: tokenOf,
    fail: (part, status) => void failures.push({ part, status }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function tokenOf(...scopes: string[]): string {
  const ac = scopes.map((scope, i) => ({ Scope: scope, Permission: i === 0 ? 3 : 1 }));
  const payload = { ac: JSON.stringify(ac), exp: Date.now() / 1000 + 3600, nbf: 0 };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(payload)}.signature`;
}

function scopesOf(token: string): { Scope: string; Permission: number }[] {
  const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
    ac: string;
  };
  return JSON.parse(payload.ac) as { Scope: string; Permission: number }[];
}

interface World {
  readonly entries: Entry[];
  readonly base: string;
}

function service(
  request: IncomingMessage,
  body: Buffer,
  { entries, base }: World,
  response: ServerResponse,
): void {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const method = request.url?.split('/').at(-1);
  const say = (status: number, value: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
  if (token?.endsWith('.signature') !== true) {
    say(401, { code: 'unauthenticated', msg: 'bad token' });
    return;
  }
  const scopes = scopesOf(token);
  const asked = JSON.parse(body.toString()) as {
    key: string;
    version: string;
    restore_keys?: string[];
    size_bytes?: string;
  };
  const own = scopes.find(({ Permission }) => (Permission & 2) !== 0)?.Scope;
  const mine = (entry: Entry): boolean =>
    entry.scope === own && entry.key === asked.key && entry.version === asked.version;
  if (method === 'GetCacheEntryDownloadURL') {
    const starts = asked.restore_keys ?? [];
    const found = entries.findLast(
      ({ scope, key, version, committed }) =>
        committed &&
        version === asked.version &&
        scopes.some(({ Scope }) => Scope === scope) &&
        (key === asked.key || starts.some((start) => key.startsWith(start))),
    );
    if (found === undefined) say(200, { ok: false });
    else
      say(200, {
        ok: true,
        signed_download_url: `${base}/store/${String(entries.indexOf(found))}?sig=secret`,
        matched_key: found.key,
      });
  } else if (own === undefined) say(403, { code: 'permission_denied', msg: 'read only' });
  else if (method === 'CreateCacheEntry') {
    if (entries.some(mine)) say(409, { code: 'already_exists', msg: 'cache entry exists' });
    else {
      const { key, version } = asked;
      entries.push({
        ...{ scope: own, key, version },
        ...{ blocks: new Map(), bytes: undefined, committed: false },
      });
      const url = `${base}/store/${String(entries.length - 1)}?sig=secret`;
      say(200, { ok: true, signed_upload_url: url });
    }
  } else {
    const entry = entries.find(mine);
    const right = entry?.bytes?.length === Number(asked.size_bytes);
    if (entry !== undefined && right) entry.committed = true;
    say(200, { ok: right, entry_id: '1' });
  }
}

/** Put Blob, Put Block, Put Block List, Get Blob. */
function storage(
  request: IncomingMessage,
  body: Buffer,
  entries: readonly Entry[],
  response: ServerResponse,
): void {
  const url = new URL(request.url ?? '/', 'http://host');
  const entry = entries[Number(url.pathname.split('/').at(-1))];
  const { comp, blockid } = Object.fromEntries(url.searchParams);
  if (entry === undefined || url.searchParams.get('sig') !== 'secret') {
    response.writeHead(403).end('<Error><Code>AuthenticationFailed</Code></Error>');
  } else if (request.method === 'GET') {
    const bytes = entry.bytes ?? Buffer.alloc(0);
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from === 0 ? 200 : 206).end(bytes.subarray(from));
  } else if (comp === 'block') {
    entry.blocks.set(blockid ?? '', body);
    response.writeHead(201).end();
  } else if (comp === 'blocklist') {
    const ids = [...body.toString().matchAll(/<Latest>([^<]+)<\/Latest>/g)];
    const blocks = ids.map(([, id = '']) => entry.blocks.get(id));
    entry.bytes = Buffer.concat(blocks.filter((block) => block !== undefined));
    response.writeHead(blocks.includes(undefined) ? 400 : 201).end();
  } else {
    const right = request.headers['x-ms-blob-type'] === 'BlockBlob';
    if (right) entry.bytes = body;
    response.writeHead(right ? 201 : 400).end();
  }
}

function api(request: IncomingMessage, entries: readonly Entry[], response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://host');
  if (request.headers.authorization !== 'Bearer ghp_token') {
    response.writeHead(401).end('{}');
    return;
  }
  const { key = '', ref, page = '1', per_page: size = '30' } = Object.fromEntries(url.searchParams);
  const all = entries.filter((entry) => entry.scope === ref && entry.key.startsWith(key));
  const from = (Number(page) - 1) * Number(size);
  const caches = all.slice(from, from + Number(size)).map((entry) => ({ key: entry.key }));
  response.end(JSON.stringify({ total_count: all.length, actions_caches: caches }));
}
