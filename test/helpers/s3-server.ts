import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface S3Object {
  readonly bytes: Buffer;
  modified: Date;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * S3's protocol on loopback: each signature (AWS Signature 4) is computed anew from what came. What it answers was held
 * against a real server's (test/faults/s3-swift.test.ts).
 */
export interface S3Server extends AsyncDisposable {
  readonly url: string;
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly objects: Map<string, S3Object>;
  /** `METHOD key?query`, as they came. */
  readonly requests: string[];
  /** Uploads that were begun and neither completed nor aborted. */
  readonly uploads: Map<string, Map<number, Buffer>>;
  /** Answers the next request that begins so with this status, once. */
  readonly fail: (request: string, status: number, body?: string) => void;
  /** Cuts the next download after so many bytes. */
  cutAfter: number | undefined;
}

interface Call {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

const REGION = 'eu-central-1';
const OTHER_REGION = 'AuthorizationHeaderMalformed';
const KEYS = { accessKeyId: 'AKIATEST', secretAccessKey: 'the/secret+key' };

export async function startS3(bucket: string): Promise<S3Server> {
  const state = {
    objects: new Map<string, S3Object>(),
    requests: [] as string[],
    uploads: new Map<string, Map<number, Buffer>>(),
    cutAfter: undefined as number | undefined,
  };
  const failures: { start: string; status: number; body: string }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      const url = new URL(request.url ?? '/', 'http://host');
      const key = decodeURIComponent(url.pathname).slice(bucket.length + 2);
      const { method = '' } = request;
      const said = `${method} ${key}${url.search}`;
      state.requests.push(said);
      const at = failures.findIndex(({ start }) => said.startsWith(start));
      const [failure] = at === -1 ? [] : failures.splice(at, 1);
      const problem = checkSignature(request, url, body);
      if (failure !== undefined) response.writeHead(failure.status).end(failure.body);
      else if (problem !== undefined)
        refuse(response, problem === OTHER_REGION ? 400 : 403, problem);
      else if (!url.pathname.startsWith(`/${bucket}/`)) refuse(response, 404, 'NoSuchBucket');
      else
        answer(
          { method, key, query: url.searchParams, headers: request.headers, body },
          state,
          response,
        );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${String(port)}`,
    keys: KEYS,
    fail: (start: string, status: number, body = '') => void failures.push({ start, status, body }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

type State = Pick<S3Server, 'objects' | 'uploads' | 'cutAfter'>;

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  const region = code === OTHER_REGION ? `<Region>${REGION}</Region>` : '';
  response.end(`<Error><Code>${code}</Code><Message>told by the server</Message>${region}</Error>`);
}

function answer(call: Call, state: State, response: ServerResponse): void {
  if (call.method === 'GET' || call.method === 'HEAD') read(call, state, response);
  else if (call.method === 'DELETE') {
    state.uploads.delete(call.query.get('uploadId') ?? '');
    response.writeHead(204).end();
  } else if (call.method === 'POST') multipart(call, state, response);
  else if (call.query.has('uploadId')) part(call, state, response);
  else put(call, state, response);
}

function read({ method, key, headers }: Call, state: State, response: ServerResponse): void {
  const object = state.objects.get(key);
  if (object === undefined) {
    if (method === 'HEAD') response.writeHead(404).end();
    else refuse(response, 404, 'NoSuchKey');
    return;
  }
  const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
  const bytes = object.bytes.subarray(from);
  response.writeHead(from === 0 ? 200 : 206, {
    'content-length': String(bytes.length),
    'last-modified': object.modified.toUTCString(),
  });
  if (method === 'HEAD') response.end();
  else if (state.cutAfter === undefined) response.end(bytes);
  else {
    response.write(bytes.subarray(0, state.cutAfter), () => response.destroy());
    state.cutAfter = undefined;
  }
}

function put({ key, headers, body }: Call, { objects }: State, response: ServerResponse): void {
  const source = headers['x-amz-copy-source'];
  const from = typeof source === 'string' ? decodeURIComponent(source).replace(/^[^/]*\//, '') : '';
  const bytes = typeof source === 'string' ? objects.get(from)?.bytes : body;
  if (bytes === undefined) {
    refuse(response, 404, 'NoSuchKey');
    return;
  }
  const metadata = Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name.startsWith('x-amz-meta-'))
      .map(([name, value]) => [name, String(value)]),
  );
  objects.set(key, { bytes, modified: new Date(), metadata });
  response.writeHead(200, { etag: tagOf(bytes) });
  response.end(typeof source === 'string' ? '<CopyObjectResult></CopyObjectResult>' : '');
}

function part({ query, body }: Call, { uploads }: State, response: ServerResponse): void {
  const parts = uploads.get(query.get('uploadId') ?? '');
  if (parts === undefined) {
    refuse(response, 404, 'NoSuchUpload');
    return;
  }
  parts.set(Number(query.get('partNumber')), body);
  response.writeHead(200, { etag: tagOf(body) }).end();
}

const LEAST_PART = 5 << 20;

function multipart(call: Call, { objects, uploads }: State, response: ServerResponse): void {
  if (call.query.has('uploads')) {
    const id = `upload-${String(uploads.size + 1)}`;
    uploads.set(id, new Map());
    response.end(`<R><UploadId>${id}</UploadId></R>`);
    return;
  }
  const id = call.query.get('uploadId') ?? '';
  const parts = uploads.get(id) ?? new Map<number, Buffer>();
  const asked = [
    ...call.body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>([^<]+)</g),
  ];
  const bytes = asked.map(([, number, tag]) => {
    const found = parts.get(Number(number));
    return found !== undefined && tagOf(found) === tag ? found : undefined;
  });
  const small = bytes.slice(0, -1).some((each) => (each?.length ?? 0) < LEAST_PART);
  if (bytes.includes(undefined) || small || bytes.length !== parts.size) {
    refuse(response, 400, small ? 'EntityTooSmall' : 'InvalidPart');
    return;
  }
  const whole = Buffer.concat(bytes.filter((each) => each !== undefined));
  objects.set(call.key, { bytes: whole, modified: new Date(), metadata: {} });
  uploads.delete(id);
  response.end('<CompleteMultipartUploadResult></CompleteMultipartUploadResult>');
}

function tagOf(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

/** docs.aws.amazon.com, "Create a signed AWS API request", written from the page. Undefined when it is right. */
function checkSignature(request: IncomingMessage, url: URL, body: Buffer): string | undefined {
  const { authorization = '' } = request.headers;
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (match === null) return 'AccessDenied';
  const [, id, day = '', region = '', names = '', signature = ''] = match;
  if (id !== KEYS.accessKeyId) return 'InvalidAccessKeyId';
  if (region !== REGION) return OTHER_REGION;
  const header = (name: string): string => String(request.headers[name] ?? '').trim();
  const claimed = header('x-amz-content-sha256');
  const hash = createHash('sha256').update(body).digest('hex');
  if (claimed !== hash) return 'XAmzContentSHA256Mismatch';
  const signed = names.split(';');
  const needed = Object.keys(request.headers).filter((name) => name.startsWith('x-amz-'));
  if (!signed.includes('host') || needed.some((name) => !signed.includes(name)))
    return 'AccessDenied';
  const query = [...url.searchParams]
    .map(([name, value]) => `${strict(name)}=${strict(value)}`)
    .sort()
    .join('&');
  const path = decodeURIComponent(url.pathname).split('/').map(strict).join('/');
  const headers = signed.map((name) => `${name}:${header(name)}\n`).join('');
  const canonical = [request.method, path, query, headers, names, claimed].join('\n');
  const text = [
    'AWS4-HMAC-SHA256',
    header('x-amz-date'),
    `${day}/${region}/s3/aws4_request`,
    createHash('sha256').update(canonical).digest('hex'),
  ].join('\n');
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer | string>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${KEYS.secretAccessKey}`,
  );
  const expected = createHmac('sha256', key).update(text).digest();
  const same = timingSafeEqual(expected, Buffer.from(signature, 'hex'));
  return same && header('x-amz-date').startsWith(day) ? undefined : 'SignatureDoesNotMatch';
}

function strict(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
