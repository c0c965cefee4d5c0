import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { S3Cache } from '../../src/model/cache-options.js';
import { BuildError } from '../../src/model/error.js';
import { s3Backend } from '../../src/remote-cache/s3-backend.js';
import { all, blobOf, once } from '../helpers/blob-bytes.js';
import { noise } from '../helpers/cache-mount.js';
import { type S3Server, startS3 } from '../helpers/s3-server.js';
import { quiet } from '../helpers/test-store.js';

describe('a cache in a bucket', () => {
  const home = mkdtempSync(join(tmpdir(), 'stave-s3-'));
  let server: S3Server;
  before(async () => {
    server = await startS3('the.bucket');
  });
  beforeEach(() => {
    server.objects.clear();
    server.requests.length = 0;
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(home, { recursive: true });
  });
  const options = (more: Partial<S3Cache> = {}): S3Cache => ({
    type: 's3',
    bucket: 'the.bucket',
    region: 'eu-central-1',
    endpointUrl: server.url,
    usePathStyle: true,
    ...server.keys,
    ...more,
  });
  const open = (more: Partial<S3Cache> = {}, env: NodeJS.ProcessEnv = {}) =>
    s3Backend(options(more), { env: { AWS_EC2_METADATA_DISABLED: 'true', ...env }, home });
  const refused = async (work: Promise<unknown>, words: RegExp): Promise<void> => {
    await assert.rejects(work, (error) => {
      assert.ok(error instanceof BuildError, String(error));
      assert.match(`${error.message}\n${error.hint ?? ''}`, words);
      assert.ok(!JSON.stringify(error).includes(server.keys.secretAccessKey));
      return true;
    });
  };

  test("keys are BuildKit's, all names are written, the first is read", async () => {
    const backend = open({ prefix: 'a b/', names: ['one', 'two'], blobsPrefix: 'b+/' });
    assert.equal(await backend.read(quiet), undefined);
    const bytes = noise(1, 1000);
    const blob = blobOf(bytes);
    assert.equal(await backend.has(blob, quiet), false);
    await backend.put(blob, () => once(bytes), quiet);
    assert.equal(await backend.has(blob, quiet), true);
    const config = Buffer.from('{"layers":[],"records":[]}');
    await backend.write({ config, blobs: [blob] }, quiet);
    const keys = ['a b/manifests/one', 'a b/manifests/two', `a b/b+/${blob.digest}`];
    assert.deepEqual([...server.objects.keys()].sort(), keys.sort());
    assert.deepEqual((await backend.read(quiet))?.blobs, [blob]);
    assert.deepEqual(await all(backend.blob(blob, quiet)), bytes);
  });

  test("a config of BuildKit's names its blobs by its layers", async () => {
    const blob = blobOf(noise(2, 10));
    const { digest, mediaType, size } = blob;
    const annotations = { mediaType, size, diffID: digest, createdAt: '2026-01-01T00:00:00Z' };
    const text = JSON.stringify({ layers: [{ blob: digest, parent: -1, annotations }] });
    const object = { bytes: Buffer.from(text), modified: new Date(), metadata: {} };
    server.objects.set('manifests/buildkit', object);
    assert.deepEqual((await open().read(quiet))?.blobs, [blob]);
  });

  test('a large blob goes in parts, and leaves none when it fails', async () => {
    const bytes = noise(3, (40 << 20) + 1);
    const blob = blobOf(bytes);
    await open().put(blob, () => once(bytes), quiet);
    assert.ok(server.objects.get(`blobs/${blob.digest}`)?.bytes.equals(bytes));
    assert.equal(server.requests.filter((each) => each.includes('partNumber=')).length, 3);
    server.objects.clear();
    server.fail(`PUT blobs/${blob.digest}?partNumber=2`, 400, '<Error><Code>Nope</Code></Error>');
    await refused(
      open().put(blob, () => once(bytes), quiet),
      /Nope/,
    );
    assert.equal(server.uploads.size, 0);
    // S3 may begin its answer before it knows how it ends.
    server.fail(
      `POST blobs/${blob.digest}?uploadId`,
      200,
      '<Error><Code>InternalError</Code></Error>',
    );
    await refused(
      open().put(blob, () => once(bytes), quiet),
      /InternalError/,
    );
    assert.equal(server.uploads.size, 0);
    assert.equal(server.objects.size, 0);
    // As when a rule of the bucket ends uploads that take long.
    const gone = '<Error><Code>NoSuchUpload</Code></Error>';
    server.fail(`PUT blobs/${blob.digest}?partNumber=3`, 404, gone);
    await refused(
      open().put(blob, () => once(bytes), quiet),
      /could not be written: NoSuchUpload/,
    );
    assert.match(server.requests.at(-1) ?? '', /^DELETE /, 'no part comes after the end');
  });

  test('what is used after a long time is made new, once', async () => {
    const bytes = noise(4, 100);
    const blob = blobOf(bytes);
    const backend = open({ touchRefreshMs: 60_000 });
    await backend.put(blob, () => once(bytes), quiet);
    const key = `blobs/${blob.digest}`;
    const object = server.objects.get(key);
    if (object !== undefined) object.modified = new Date(Date.now() - 120_000);
    assert.equal(await backend.has(blob, quiet), true);
    assert.equal(await backend.has(blob, quiet), true);
    const touched = server.objects.get(key);
    assert.deepEqual(touched?.bytes, bytes);
    assert.ok(Date.now() - Number(touched.modified) < 60_000);
    assert.ok('x-amz-meta-updated-at' in touched.metadata);
    assert.equal(server.requests.filter((each) => each.startsWith('PUT')).length, 2);
  });

  test('a download that is cut off is taken up; a server in trouble is asked again', async () => {
    const bytes = noise(5, 3 << 20);
    const blob = blobOf(bytes);
    await open().put(blob, () => once(bytes), quiet);
    server.cutAfter = 1 << 20;
    assert.ok((await all(open().blob(blob, quiet))).equals(bytes));
    server.fail('HEAD', 503);
    assert.equal(await open().has(blob, quiet), true);
    server.fail('HEAD', 503);
    await refused(open({ retryMaxAttempts: 1 }).has(blob, quiet), /status 503/);
  });

  test('a wrong key, a wrong place, nothing said: each is named, no secret is', async () => {
    await refused(open({ secretAccessKey: 'wrong' }).read(quiet), /SignatureDoesNotMatch/);
    await refused(open({ accessKeyId: 'other' }).read(quiet), /InvalidAccessKeyId/);
    // What an export begins with is a HEAD, whose answer has no body to say why.
    const asked = blobOf(noise(7, 10));
    const forged = open({ secretAccessKey: 'wrong' }).has(asked, quiet);
    await refused(forged, /SignatureDoesNotMatch[^]*is the secret access key/);
    server.fail('HEAD', 403);
    await refused(open().has(asked, quiet), /status 403[^]*s3:GetObject/);
    await refused(
      open({ region: 'us-east-1' }).read(quiet),
      /not in region us-east-1[^]*region=eu/,
    );
    const unsaid = { env: {}, home };
    assert.throws(() => s3Backend({ type: 's3' }, unsaid), /bucket \(\$AWS_BUCKET\) not set/);
    const bucket = { env: { AWS_BUCKET: 'b' }, home };
    assert.throws(() => s3Backend({ type: 's3' }, bucket), /region \(\$AWS_REGION\) not set/);
    assert.throws(() => open({ endpointUrl: 'nowhere' }), /is no http\(s\) URL/);
    for (const region of ['a b', 'r/../x', 'evil.example.com/'])
      assert.throws(() => open({ region }), { code: 'usage', hint: /region=eu-central-1/ });
    // No name can stand before an address.
    assert.equal(await open({ usePathStyle: false }).has(blobOf(noise(9, 10)), quiet), false);
    for (const name of ['a b', 'a/b', '@'])
      assert.throws(
        () => open({ bucket: name, endpointUrl: 'http://s3.example.com', usePathStyle: false }),
        {
          code: 'usage',
          hint: /small letters/,
        },
      );
    const blob = blobOf(noise(6, 10));
    await refused(
      open({ bucket: 'other' }).put(blob, () => once(noise(6, 10)), quiet),
      /no such bucket/,
    );
    await refused(open({ bucket: 'other' }).read(quiet), /no such bucket/);
  });

  test('many requests at once wait on one signal without a warning of node', async () => {
    const warnings: string[] = [];
    const note = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', note);
    const { signal } = new AbortController();
    const asked = Array.from({ length: 20 }, () =>
      open().has(blobOf(noise(8, 10)), { ...quiet, signal }),
    );
    await Promise.all(asked);
    process.off('warning', note);
    assert.deepEqual(warnings, []);
  });

  describe('credentials come from where the AWS SDKs look', () => {
    const none = { accessKeyId: '', secretAccessKey: '' };
    const { accessKeyId: id, secretAccessKey: secret } = {
      accessKeyId: 'AKIATEST',
      secretAccessKey: 'the/secret+key',
    };

    test('the environment, then a profile', async () => {
      const env = { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret };
      assert.equal(await open(none, env).read(quiet), undefined);
      mkdirSync(join(home, '.aws'), { recursive: true });
      const text = `[default]\naws_access_key_id=x\n\n[other]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`;
      writeFileSync(join(home, '.aws/credentials'), text);
      writeFileSync(join(home, '.aws/config'), '[profile sso]\nsso_session = x\n');
      assert.equal(await open(none, { AWS_PROFILE: 'other' }).read(quiet), undefined);
      await refused(open(none, { AWS_PROFILE: 'sso' }).read(quiet), /needs the aws program/);
      await refused(open(none, { AWS_PROFILE: 'gone' }).read(quiet), /"gone" has no keys/);
      rmSync(join(home, '.aws'), { recursive: true });
      await refused(open(none).read(quiet), /there are no AWS credentials/);
    });

    test('a web identity, the container, the machine', async () => {
      const asked: string[] = [];
      const json = JSON.stringify({ AccessKeyId: id, SecretAccessKey: secret, Token: 'session' });
      const metadata = createServer((request, response) => {
        const { url = '', method = '', headers } = request;
        asked.push(`${method} ${url}`);
        let body = '';
        request.on('data', (part: Buffer) => (body += part.toString()));
        request.on('end', () => {
          if (url === '/sts') {
            assert.match(body, /WebIdentityToken=the-token/);
            response.end(
              `<R><AccessKeyId>${id}</AccessKeyId><SecretAccessKey>${secret}</SecretAccessKey><SessionToken>s</SessionToken></R>`,
            );
          } else if (url === '/pod') {
            assert.equal(headers.authorization, 'pod-token');
            response.end(json);
          } else if (url === '/latest/api/token') response.end('imds');
          else if (headers['x-aws-ec2-metadata-token'] !== 'imds') response.writeHead(401).end();
          else if (url.endsWith('security-credentials/')) response.end('my-role');
          else response.end(json);
        });
      });
      await new Promise<void>((resolve) => metadata.listen(0, '127.0.0.1', resolve));
      const base = `http://127.0.0.1:${String((metadata.address() as AddressInfo).port)}`;
      const token = join(home, 'token');
      writeFileSync(token, 'the-token\n');
      for (const env of [
        {
          AWS_WEB_IDENTITY_TOKEN_FILE: token,
          AWS_ROLE_ARN: 'arn:aws:iam::1:role/x',
          AWS_ENDPOINT_URL_STS: `${base}/sts`,
        },
        {
          AWS_CONTAINER_CREDENTIALS_FULL_URI: `${base}/pod`,
          AWS_CONTAINER_AUTHORIZATION_TOKEN: 'pod-token',
        },
        { AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: base },
      ]) {
        const backend = open(none, env);
        assert.equal(await backend.read(quiet), undefined);
        const before = asked.length;
        assert.equal(await backend.read(quiet), undefined);
        assert.equal(asked.length, before, 'asked once');
      }
      assert.equal(asked.at(-1), 'GET /latest/meta-data/iam/security-credentials/my-role');
      const elsewhere = { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://elsewhere.example/' };
      await refused(open(none, elsewhere).read(quiet), /is not the container's own/);
      metadata.closeAllConnections();
      metadata.close();
    });
  });
});
