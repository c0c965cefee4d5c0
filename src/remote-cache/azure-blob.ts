import { BuildError } from '../model/error.js';
import type { Descriptor } from '../model/oci.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import { shownUrl } from '../registry/address.js';
import type { Http, HttpRequest, HttpResponse } from '../registry/http.js';
import { partsOf } from './parts-of.js';
import { resumed } from './resumed.js';

/*
 * Blobs of Azure Storage by URLs that hold their own permission (Put Blob, Put Block, Put Block List, Get Blob). The
 * query of such a URL is a secret: no message shows it.
 */

const VERSION = { 'x-ms-version': '2023-11-03' };
const BLOCK = 16 << 20;
const MAX_BLOCKS = 50_000;
const MAX_ERROR = 1 << 16;

type Send = (request: Omit<HttpRequest, 'signal'>) => Promise<HttpResponse>;

export async function putAzureBlob(
  url: URL,
  { size, bytes }: { readonly size: number; readonly bytes: () => Bytes },
  http: Http,
  { signal }: Scope,
): Promise<void> {
  const send: Send = (request) => http({ ...request, signal });
  if (size <= BLOCK) {
    const parts: Uint8Array[] = [];
    for await (const chunk of bytes()) parts.push(chunk);
    await put(send, url, Buffer.concat(parts), { 'x-ms-blob-type': 'BlockBlob' });
    return;
  }
  const ids: string[] = [];
  const length = Math.max(BLOCK, Math.ceil(size / MAX_BLOCKS));
  for await (const block of partsOf(bytes(), length)) {
    // All ids of a blob have one length.
    const id = Buffer.from(String(ids.length).padStart(8, '0')).toString('base64');
    await put(send, withQuery(url, { comp: 'block', blockid: id }), block, {});
    ids.push(id);
  }
  const list = ids.map((id) => `<Latest>${id}</Latest>`).join('');
  const body = Buffer.from(`<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`);
  await put(send, withQuery(url, { comp: 'blocklist' }), body, {});
}

async function put(
  send: Send,
  url: URL,
  body: Buffer,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const length = { 'content-length': String(body.length) };
  const response = await send({
    method: 'PUT',
    url,
    headers: { ...VERSION, ...headers, ...length },
    body,
  });
  if (response.status !== 201) throw await failure(response, url);
  await response.discard();
}

/** `locate` gives a URL that is good now; it is asked again when one has run out. Digest and size are the reader's to check. */
export async function* getAzureBlob(
  locate: () => Promise<URL>,
  blob: Descriptor,
  http: Http,
  scope: Scope,
): Bytes {
  let url = await locate();
  const open = async (
    range: Readonly<Record<string, string>>,
    more: boolean,
  ): Promise<Bytes | undefined> => {
    const response = await http({
      ...{ method: 'GET', url, signal: scope.signal },
      headers: { ...VERSION, ...range },
    });
    if (more && (response.status === 401 || response.status === 403)) {
      await response.discard();
      url = await locate();
      return undefined;
    }
    if (response.status !== (range['range'] === undefined ? 200 : 206))
      throw await failure(response, url);
    return response.body;
  };
  const broken = (): string => `${url.host} broke off blob ${blob.digest}`;
  yield* resumed(blob, { open, broken }, scope);
}

function withQuery(url: URL, query: Readonly<Record<string, string>>): URL {
  const changed = new URL(url);
  for (const [name, value] of Object.entries(query)) changed.searchParams.set(name, value);
  return changed;
}

async function failure(response: HttpResponse, url: URL): Promise<BuildError> {
  const text = (await response.bytes(MAX_ERROR)).toString();
  const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? `status ${String(response.status)}`;
  return new BuildError('registry', `${shownUrl(url)}: ${code}`);
}
