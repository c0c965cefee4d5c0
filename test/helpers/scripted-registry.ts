import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { gzipSync } from 'node:zlib';
import { config, LAYER, sha } from './archives.js';

/** One request as it came. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

export type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  /** How often this path was asked before. */
  before: number,
) => void | Promise<void>;

/** A registry that does what a test says: paths below `/v2/app/` by hand, the rest 404. */
export interface ScriptedRegistry extends AsyncDisposable {
  readonly host: string;
  readonly seen: readonly Seen[];
  readonly routes: Map<string, Answer>;
  /** Asked before the routes; true when it answered. */
  guard?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface ScriptedOptions {
  /** Loopback address to listen on: another one is another host. */
  readonly address?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
}

export async function scriptedRegistry(
  routes: Readonly<Record<string, Answer>>,
  { address = '127.0.0.1', tls }: ScriptedOptions = {},
): Promise<ScriptedRegistry> {
  const seen: Seen[] = [];
  const handle: RequestListener = (request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const before = seen.filter((each) => each.path === path).length;
    const { authorization, range } = request.headers;
    seen.push({ method: request.method ?? '', path, authorization, range });
    if (registry.guard?.(request, response) === true) return;
    const answer = registry.routes.get(path);
    if (answer === undefined) response.writeHead(404).end();
    else void answer(request, response, before);
  };
  const server: Server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const at = server.address();
  if (at === null || typeof at === 'string') throw new Error('no address');
  const registry: ScriptedRegistry = {
    host: `${address}:${at.port}`,
    seen,
    routes: new Map(Object.entries(routes)),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return registry;
}

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

export const send =
  (body: string | Uint8Array, type = 'application/octet-stream', status = 200): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': type }).end(body);
  };

export const redirect =
  (location: string, status = 307): Answer =>
  (_request, response) => {
    response.writeHead(status, { location }).end();
  };

/** A body that never ends, as fast as it is read. */
export const endless =
  (type: string, piece: string | Uint8Array = Buffer.alloc(1 << 16, ' ')): Answer =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': type });
    const more = (): void => {
      while (!response.destroyed && response.write(piece));
    };
    response.on('drain', more);
    more();
  };

export interface SmallImage {
  readonly manifest: string;
  readonly config: string;
  readonly layer: Buffer;
  readonly layerDigest: string;
  readonly configDigest: string;
  readonly routes: Record<string, Answer>;
}

/** A correct image `app:v1` of one gzip layer with the file `file`, and the routes that serve it. */
export function smallImage(
  change: { manifest?: object; config?: string; layer?: Buffer } = {},
): SmallImage {
  const layer = change.layer ?? gzipSync(LAYER);
  const text = change.config ?? config(LAYER);
  const [layerDigest, configDigest] = [`sha256:${sha(layer)}`, `sha256:${sha(text)}`];
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: configDigest,
      size: Buffer.byteLength(text),
    },
    layers: [
      {
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        digest: layerDigest,
        size: layer.length,
      },
    ],
    ...change.manifest,
  });
  return {
    manifest,
    config: text,
    layer,
    layerDigest,
    configDigest,
    routes: {
      '/v2/app/manifests/v1': send(manifest, OCI_MANIFEST),
      [`/v2/app/manifests/sha256:${sha(manifest)}`]: send(manifest, OCI_MANIFEST),
      [`/v2/app/blobs/${configDigest}`]: send(text),
      [`/v2/app/blobs/${layerDigest}`]: send(layer),
    },
  };
}
