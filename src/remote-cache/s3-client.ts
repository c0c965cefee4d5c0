import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { BuildError } from '../model/error.js';
import type { S3Cache } from '../model/cache-options.js';
import type { Scope } from '../model/scope.js';
import { shownUrl } from '../registry/address.js';
import { createHttp, type Http, type HttpResponse } from '../registry/http.js';
import { awsCredentials } from './aws-credentials.js';
import { signAws } from './sign-aws.js';

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Of the body, in hex, where it is known. */
  readonly hash?: string;
}

export interface S3Client {
  /** A key, as a copy's source. */
  readonly source: (key: string) => string;
  /** Any answer but those with a status from 400 on, of which only 404 comes back. */
  readonly send: (request: S3Request, scope: Scope) => Promise<HttpResponse>;
}

export interface S3Environment {
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
}

/** One bucket. Throws BuildError `usage` when it is not said which. */
export function s3Client(options: S3Cache, { env, home }: S3Environment): S3Client {
  const bucket = needed(options.bucket ?? env['AWS_BUCKET'], 'bucket', 'AWS_BUCKET');
  const region = needed(options.region ?? env['AWS_REGION'], 'region', 'AWS_REGION');
  const base = baseOf(options, { bucket, region }, env);
  const credentials = awsCredentials(options);
  const tries = options.retryMaxAttempts;
  let http: Promise<Http> | undefined;
  const open = (): Promise<Http> =>
    (http ??= createHttp({ env, peer: 'host', ...(tries === undefined ? {} : { tries }) }));
  const ask = async (request: S3Request, { signal }: Scope): Promise<Answer> => {
    const url = new URL(`${base}/${encoded(request.key)}`);
    for (const [name, value] of Object.entries(request.query ?? {}))
      url.searchParams.set(name, value);
    const { method, body } = request;
    const hash =
      request.hash ??
      createHash('sha256')
        .update(body ?? '')
        .digest('hex');
    const given = { ...request.headers, ...lengthOf(body) };
    const who = await credentials({ env, home, region, signal });
    const headers = signAws({ method, url, headers: given, hash }, who, region);
    const send = await open();
    const sent = { method, url, headers, signal, ...(body === undefined ? {} : { body }) };
    return { url, response: await send(sent) };
  };
  return {
    // Some servers take a colon as it is only, as BuildKit sends it.
    source: (key) => `${bucket}/${encoded(key).replaceAll('%3A', ':')}`,
    send: async (request, scope) => {
      const answer = await ask(request, scope);
      const { status } = answer.response;
      const mute = request.method === 'HEAD' && status >= 400 && status < 500 && status !== 404;
      return await checked(mute ? await explained(request, answer, scope, ask) : answer, region);
    },
  };
}

interface Answer {
  readonly url: URL;
  readonly response: HttpResponse;
}

/** The answer to a HEAD has no body that would say why it is refused: that to a GET has. */
async function explained(
  { key }: S3Request,
  head: Answer,
  scope: Scope,
  ask: (request: S3Request, scope: Scope) => Promise<Answer>,
): Promise<Answer> {
  const get = await ask({ method: 'GET', key, headers: { range: 'bytes=0-0' } }, scope);
  const [better, other] = get.response.status === head.response.status ? [get, head] : [head, get];
  await other.response.discard();
  return better;
}

function lengthOf(body: Buffer | undefined): Record<string, string> {
  return body === undefined ? {} : { 'content-length': String(body.length) };
}

function needed(value: string | undefined, name: string, variable: string): string {
  if (value !== undefined && value !== '') return value;
  throw new BuildError('usage', `${name} ($${variable}) not set for s3 cache`, {
    hint: `type=s3,${name}=..., or ${variable} in the environment`,
  });
}

interface Place {
  readonly bucket: string;
  readonly region: string;
}

/** As the SDKs: the bucket is the host's first label, where neither an endpoint, an address nor its name forbids it. */
function baseOf(options: S3Cache, { bucket, region }: Place, env: NodeJS.ProcessEnv): string {
  // It becomes a part of a host's name, which gets the credentials.
  if (!/^[\w-]+$/.test(region))
    throw new BuildError('usage', `region ${JSON.stringify(region)} is no name of one`, {
      hint: 'such as region=eu-central-1',
    });
  const own = options.endpointUrl ?? env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'] ?? '';
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const endpoint = own === '' ? `https://s3.${region}.${domain}` : own;
  if (!URL.canParse(endpoint) || !/^https?:/.test(endpoint)) {
    throw new BuildError('usage', `endpoint_url ${JSON.stringify(endpoint)} is no http(s) URL`, {
      hint: 'write it whole: endpoint_url=https://HOST[:PORT]',
    });
  }
  const url = new URL(endpoint);
  const path = url.pathname.replace(/\/+$/, '');
  // A certificate for *.s3.REGION.amazonaws.com has no name with a further dot.
  const asked = own === '' ? bucket.includes('.') : options.usePathStyle === true;
  if (asked || isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0)
    return `${url.origin}${path}/${encodeURIComponent(bucket)}`;
  const host = `${bucket}.${url.host}`;
  if (/^[\w.-]+$/.test(bucket) && URL.canParse(`${url.protocol}//${host}`))
    return `${url.protocol}//${host}${path}`;
  throw new BuildError(
    'usage',
    `bucket ${JSON.stringify(bucket)} can be no part of a host's name`,
    {
      hint: 'names of buckets have small letters, digits, dots and hyphens',
    },
  );
}

/** Each part as a signature has it (RFC 3986). */
function encoded(key: string): string {
  const part = (text: string): string =>
    encodeURIComponent(text).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  return key.split('/').map(part).join('/');
}

const MAX_ERROR = 1 << 20;

async function checked({ url, response }: Answer, region: string): Promise<HttpResponse> {
  const { status, headers } = response;
  if (status < 300 || status === 404) return response;
  const text = (await response.bytes(MAX_ERROR)).toString();
  const home = headers['x-amz-bucket-region'] ?? /<Region>([^<]*)<\/Region>/.exec(text)?.[1];
  if (status < 400 || (status === 400 && typeof home === 'string' && home !== region)) {
    throw new BuildError('usage', `${url.host}: the bucket is not in region ${region}`, {
      ...(typeof home === 'string' ? { hint: `region=${home}` } : {}),
    });
  }
  throw s3Error(text, status, url);
}

export const NO_BUCKET = 'NoSuchBucket';

/** What a server calls an error. */
export function s3Code(text: string): string | undefined {
  return /<Code>([^<]*)<\/Code>/.exec(text)?.[1];
}

const HINTS: Readonly<Record<string, string>> = {
  SignatureDoesNotMatch: 'is the secret access key the one of this access key?',
  InvalidAccessKeyId: 'is the access key one of this server?',
  RequestTimeTooSkewed: "is this machine's clock right?",
};

/** What the server's XML says, of which only code and message are shown. */
function s3Error(text: string, status: number, url: URL): BuildError {
  const code = s3Code(text) ?? `status ${String(status)}`;
  const message = /<Message>([^<]*)<\/Message>/.exec(text)?.[1];
  const why = message === undefined ? code : `${code}: ${message}`;
  if (status !== 401 && status !== 403)
    return new BuildError('registry', `${shownUrl(url)}: ${why}`);
  const hint =
    HINTS[code] ??
    'the credentials need s3:GetObject, s3:PutObject and, to tell what is missing, s3:ListBucket';
  return new BuildError('auth', `${shownUrl(url)}: ${why}`, { hint });
}
