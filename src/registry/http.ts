import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type * as Undici from 'undici';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import type { Bytes } from '../model/stores.js';
import { isLoopback, shownUrl } from './address.js';
import { proxyFor } from './proxy.js';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE' | 'PATCH';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | Bytes | string;
  readonly signal: AbortSignal;
  /** No credentials, whoever asks for them. */
  readonly anonymous?: boolean;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Bytes;
  /** At most `max` bytes, else BuildError `registry`. */
  readonly bytes: (max: number) => Promise<Buffer>;
  /** Throws the rest away, so that the connection can be used again. */
  readonly discard: () => Promise<void>;
}

export interface HttpOptions {
  readonly env: NodeJS.ProcessEnv;
  /** What a host is called in messages; default `registry`. */
  readonly peer?: 'registry' | 'host';
  /** How long a connection or a tunnel may take to come, and an answer to go on. */
  readonly connectMs?: number;
  readonly stallMs?: number;
  /** How often a request is sent at most. */
  readonly tries?: number;
}

export type Http = (request: HttpRequest) => Promise<HttpResponse>;

const CONNECT_MS = 15_000;
const STALL_MS = 30_000;
const TRIES = 5;
/** Who says nothing until the time is up is asked once more, not five times: that would take minutes. */
const SILENT_TRIES = 2;
const MAX_RETRY_AFTER_S = 60;
const RETRIED = new Set([408, 429, 500, 502, 503, 504]);

/** Requests with proxies from the environment, the user's extra CA, time limits and retries with growing delays. */
export async function createHttp(options: HttpOptions): Promise<Http> {
  const { peer = 'registry', connectMs = CONNECT_MS, stallMs = STALL_MS, tries = TRIES } = options;
  const undici = await import('undici');
  const via = await dispatchers(undici, options.env, connectMs);
  return async (request) => {
    setMaxListeners(0, request.signal); // Each request that is under way listens: node takes many for a leak, and says so.
    for (let attempt = 1; ; attempt++) {
      request.signal.throwIfAborted();
      const last = attempt === tries || !isRepeatable(request);
      try {
        const response = await send(undici, via(request.url), request, stallMs);
        if (last || !RETRIED.has(response.status)) return response;
        await response.discard();
        await pause(attempt, retryAfter(response), request.signal);
      } catch (error) {
        request.signal.throwIfAborted();
        const silent = isSilence(error) && attempt === SILENT_TRIES;
        if (last || silent || !isTransient(error)) throw unreachableHost(request.url, peer, error);
        await pause(attempt, undefined, request.signal);
      }
    }
  };
}

/** How a URL is reached: directly or by its proxy, with one pool of connections for each. */
async function dispatchers(
  undici: typeof Undici,
  env: NodeJS.ProcessEnv,
  connectMs: number,
): Promise<(url: URL) => Undici.Dispatcher> {
  const tls = { timeout: connectMs, ...(await trusted(env)) };
  const direct = new undici.Agent({ connect: tls });
  const proxied = new Map<string, Undici.Dispatcher>();
  return (url) => {
    const proxy = proxyFor(url, env);
    if (proxy === undefined) return direct;
    const known = proxied.get(proxy.href);
    if (known !== undefined) return known;
    const made = new undici.ProxyAgent({
      uri: proxy.href,
      proxyTunnel: false, // Plain http is asked of the proxy itself, as everyone does: many tunnel only to 443.
      requestTls: tls, // Through a proxy's tunnel.
      proxyTls: tls, // To a proxy that speaks TLS itself.
      clientFactory: (origin, opts) =>
        tunnels(undici, origin, { ...opts, headersTimeout: connectMs }),
    });
    proxied.set(proxy.href, made);
    return made;
  };
}

/**
 * Connections to a proxy for tunnels. What goes wrong there is named as the proxy's. Its plain error must not come
 * through: undici takes a closed connection for one of the tunnel's and opens the next for ever.
 */
function tunnels(undici: typeof Undici, origin: URL, options: object): Undici.Dispatcher {
  const pool = new undici.Pool(origin, options);
  type Wanted = Undici.Dispatcher.ConnectOptions;
  const open: (wanted: Wanted) => unknown = pool.connect.bind(pool);
  const connect = open as (wanted: Wanted) => Promise<Undici.Dispatcher.ConnectData>;
  const tunnel = async (wanted: Wanted) => {
    const answer = await connect(wanted).catch((error: unknown) => {
      throw proxyFailure(origin, wanted.path, error);
    });
    if (answer.statusCode === 200) return answer;
    answer.socket.on('error', () => undefined).destroy();
    throw proxyRefusal(origin, wanted.path, answer.statusCode);
  };
  return Object.assign(pool, { connect: tunnel });
}

function proxyFailure(proxy: URL, target: string, error: unknown): Error {
  const cause = error instanceof Error ? error.message : String(error);
  const why = hasCode(error, 'UND_ERR_SOCKET')
    ? 'closed the connection'
    : hasCode(error, 'UND_ERR_HEADERS_TIMEOUT')
      ? 'does not answer'
      : `cannot be reached: ${cause}`;
  return new BuildError('registry', `proxy ${proxy.host}, asked for ${target}, ${why}`, {
    hint: 'is HTTPS_PROXY right? NO_PROXY names hosts that are asked directly',
    cause: error,
  });
}

function proxyRefusal(proxy: URL, target: string, status: number): BuildError {
  const hint =
    status === 407
      ? 'the proxy wants a password: HTTPS_PROXY=http://user:password@host:port'
      : 'does the proxy allow this host? NO_PROXY names hosts that are asked directly';
  return new BuildError(
    'registry',
    `proxy ${proxy.host}, asked for ${target}, answers with status ${String(status)}`,
    { hint },
  );
}

/** A body that is a stream can be sent only once. */
function isRepeatable({ body }: HttpRequest): boolean {
  return body === undefined || typeof body === 'string' || body instanceof Uint8Array;
}

function isTransient(error: unknown): boolean {
  return (
    hasCode(
      error,
      'ECONNRESET',
      'EPIPE',
      'ETIMEDOUT',
      'EAI_AGAIN',
      'UND_ERR_SOCKET',
      'UND_ERR_CONNECT_TIMEOUT',
    ) || hasCode(error, 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT')
  );
}

function isSilence(error: unknown): boolean {
  return hasCode(error, 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT');
}

async function pause(
  attempt: number,
  seconds: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const base = seconds === undefined ? 100 * 2 ** attempt : seconds * 1000;
  await delay(base * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => {
    signal.throwIfAborted();
  });
}

function retryAfter({ headers }: HttpResponse): number | undefined {
  const seconds = Number(headers['retry-after']);
  return Number.isFinite(seconds) && seconds >= 0
    ? Math.min(seconds, MAX_RETRY_AFTER_S)
    : undefined;
}

/**
 * Whom TLS trusts: Node's own list, the machine's (where administrators put a company's CA), and the user's extra
 * file, which the launcher took away from node's start. The last must be there: whoever named it counts on it.
 */
async function trusted(env: NodeJS.ProcessEnv): Promise<{ ca: string[] }> {
  const { rootCertificates } = await import('node:tls');
  const machine = textOf(env['SSL_CERT_FILE'] ?? MACHINE_CAS);
  const file = env['STAVE_EXTRA_CA_CERTS'] ?? '';
  const extra = file === '' ? undefined : textOf(file);
  if (file !== '' && extra?.includes('BEGIN CERTIFICATE') !== true) {
    throw new BuildError('usage', `NODE_EXTRA_CA_CERTS: ${file} cannot be read as certificates`, {
      hint: 'name a PEM file, or unset NODE_EXTRA_CA_CERTS',
    });
  }
  return { ca: [...rootCertificates, machine, extra].filter((text) => text !== undefined) };
}

const MACHINE_CAS = '/etc/ssl/certs/ca-certificates.crt';

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // Not there, or not for us: its certificates are not trusted.
  }
}

async function send(
  undici: typeof Undici,
  dispatcher: Undici.Dispatcher,
  request: HttpRequest,
  stallMs: number,
): Promise<HttpResponse> {
  const { method, url, headers, body, signal } = request;
  const response = await undici.request(url, {
    method,
    headers: { 'user-agent': 'stave', ...headers },
    body: body === undefined ? null : await sendable(body),
    signal,
    dispatcher,
    headersTimeout: stallMs,
    bodyTimeout: stallMs,
  });
  return {
    status: response.statusCode,
    headers: response.headers,
    body: response.body,
    bytes: (max) => readAll(response.body, max, url),
    discard: async () => {
      await response.body.dump();
    },
  };
}

async function sendable(body: Uint8Array | Bytes | string) {
  if (typeof body === 'string' || body instanceof Uint8Array) return body;
  const { Readable } = await import('node:stream');
  return Readable.from(body, { objectMode: false });
}

async function readAll(body: Bytes, max: number, url: URL): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > max)
      throw new BuildError(
        'registry',
        `${shownUrl(url)} answered with more than ${String(max)} bytes`,
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function unreachableHost(
  url: URL,
  peer: NonNullable<HttpOptions['peer']>,
  error: unknown,
): unknown {
  if (!(error instanceof Error) || error instanceof BuildError) return error;
  const cause = error.message === '' && 'code' in error ? String(error.code) : error.message;
  const mirrors = peer === 'registry' ? ' (mirrors are set in ~/.config/stave/config.json)' : '';
  return new BuildError('registry', `${peer} ${url.host} cannot be reached: ${cause}`, {
    hint: isLoopback(url.hostname)
      ? 'is it running?'
      : `is the name right, and is there a network?${mirrors}`,
    cause: error,
  });
}
