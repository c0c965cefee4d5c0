import { BuildError } from '../model/error.js';
import type { Scope } from '../model/scope.js';
import type { Bytes } from '../model/stores.js';
import type { HttpResponse } from '../registry/http.js';
import { partsOf } from './parts-of.js';
import { NO_BUCKET, s3Code, type S3Client } from './s3-client.js';

/** From here on an object comes in parts; a part is kept in memory, so that it can be sent again. */
const PART = 16 << 20;
const MAX_PARTS = 10_000;
/** The most that one copy may have. */
const MAX_COPY = 5 * 2 ** 30;
const MAX_ANSWER = 1 << 20;

/** Parts of one object that are in memory at once. */
const AHEAD = 4;

/** Runs what it is given, so many at a time. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

export interface S3Upload {
  readonly key: string;
  readonly size: number;
  readonly bytes: () => Bytes;
  /** sha256, in hex. */
  readonly hash?: string;
}

/** One request, or parts when it is large. An upload that fails leaves no parts that somebody would pay for. */
export async function upload(
  client: S3Client,
  { key, size, bytes, hash }: S3Upload,
  turns: Turns,
  scope: Scope,
): Promise<void> {
  if (size > PART) {
    await inParts(client, key, scope, async (put) => {
      const length = Math.max(PART, Math.ceil(size / MAX_PARTS));
      const running: Promise<string>[] = [];
      for await (const part of partsOf(bytes(), length)) {
        const number = running.length + 1;
        const sent = turns(() => put(number, { body: part }));
        sent.catch(() => undefined); // Waited for below.
        running.push(sent);
        await running[number - AHEAD];
      }
      return Promise.all(running);
    });
    return;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes()) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const known = hash === undefined ? {} : { hash };
  const response = await turns(() => client.send({ method: 'PUT', key, body, ...known }, scope));
  await (await found(response, key)).discard();
}

/** Copies an object to itself, so that it is as new for a rule that removes what is old. */
export async function touch(
  client: S3Client,
  { key, size }: { readonly key: string; readonly size: number },
  scope: Scope,
): Promise<void> {
  const source = { 'x-amz-copy-source': client.source(key) };
  if (size < MAX_COPY) {
    const headers = {
      ...source,
      'x-amz-metadata-directive': 'REPLACE',
      'x-amz-meta-updated-at': new Date().toISOString(),
    };
    const response = await client.send({ method: 'PUT', key, headers }, scope);
    await answerOf(await found(response, key), key);
    return;
  }
  await inParts(client, key, scope, async (put) => {
    const tags: string[] = [];
    for (let at = 0; at < size; at += MAX_COPY) {
      const range = `bytes=${String(at)}-${String(Math.min(at + MAX_COPY, size) - 1)}`;
      tags.push(
        await put(tags.length + 1, { headers: { ...source, 'x-amz-copy-source-range': range } }),
      );
    }
    return tags;
  });
}

interface Part {
  readonly body?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

type PutPart = (number: number, part: Part) => Promise<string>;

async function inParts(
  client: S3Client,
  key: string,
  scope: Scope,
  send: (put: PutPart) => Promise<readonly string[]>,
): Promise<void> {
  const begun = await client.send({ method: 'POST', key, query: { uploads: '' } }, scope);
  const uploadId = tagOf(await answerOf(await found(begun, key), key), 'UploadId', key);
  const sent: Promise<unknown>[] = [];
  let failed = false;
  const putPart = async (number: number, part: Part): Promise<string> => {
    const query = { partNumber: String(number), uploadId };
    const response = await client.send({ method: 'PUT', key, query, ...part }, scope);
    const text = await answerOf(await found(response, key), key);
    const { etag } = response.headers;
    return typeof etag === 'string' ? etag : tagOf(text, 'ETag', key).replaceAll('&quot;', '"');
  };
  try {
    const tags = await send((number, part) => {
      if (failed) return Promise.reject(new Error(`part ${String(number)} is not wanted any more`));
      const putting = putPart(number, part);
      sent.push(putting);
      return putting;
    });
    const body = completion(tags);
    const done = await client.send({ method: 'POST', key, query: { uploadId }, body }, scope);
    await answerOf(await found(done, key), key);
  } catch (error) {
    failed = true;
    await Promise.allSettled(sent); // A part that comes after the end of its upload may stay, and cost.
    await abort(client, key, uploadId);
    throw error;
  }
}

function completion(tags: readonly string[]): Buffer {
  const parts = tags.map(
    (tag, i) => `<Part><PartNumber>${String(i + 1)}</PartNumber><ETag>${tag}</ETag></Part>`,
  );
  return Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
}

const ABORT_MS = 5000;

/** Also when the build is cancelled; what it cannot do a rule of the bucket does. */
async function abort(client: S3Client, key: string, uploadId: string): Promise<void> {
  const scope = { signal: AbortSignal.timeout(ABORT_MS), emit: () => undefined };
  try {
    const answer = await client.send({ method: 'DELETE', key, query: { uploadId } }, scope);
    await answer.discard();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

/** An answer of 200 may hold an error that came up later. */
async function answerOf(response: HttpResponse, key: string): Promise<string> {
  const text = (await response.bytes(MAX_ANSWER)).toString();
  const code = text.includes('<Error>') ? s3Code(text) : undefined;
  if (code === undefined) return text;
  throw new BuildError('registry', `${key} could not be written to the bucket: ${code}`);
}

async function found(response: HttpResponse, key: string): Promise<HttpResponse> {
  if (response.status !== 404) return response;
  const text = (await response.bytes(MAX_ANSWER)).toString();
  // An upload that a rule of the bucket has ended, the source of a copy that was removed.
  const code = s3Code(text) ?? NO_BUCKET;
  const why = code === NO_BUCKET ? 'there is no such bucket' : code;
  throw new BuildError('not-found', `${key} could not be written: ${why}`);
}

function tagOf(text: string, name: string, key: string): string {
  const value = new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
  if (value !== undefined) return value;
  throw new BuildError('registry', `${key} could not be written: the server gives no ${name}`);
}
