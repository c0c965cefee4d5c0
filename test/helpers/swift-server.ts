import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { signAws } from '../../src/remote-cache/sign-aws.js';

/** A real S3: OpenStack Swift's s3api (Debian's python3-swift, no service of the machine's), its data below `dir`. */
export interface SwiftServer extends AsyncDisposable {
  readonly url: string;
  /** What its s3api calls a bucket's host: BUCKET.s3.test. */
  readonly domain: string;
  readonly region: string;
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Lines `STATUS METHOD /bucket/key?query` of what was answered since the last call. */
  readonly requests: () => Promise<string[]>;
  /** When the next such line comes. */
  readonly answered: (line: RegExp) => Promise<void>;
  readonly createBucket: (name: string) => Promise<void>;
  /** All keys of a bucket, sorted. */
  readonly keysOf: (bucket: string) => Promise<string[]>;
  /** Of a bucket's uploads that were begun, and neither completed nor aborted. */
  readonly uploadsOf: (bucket: string) => Promise<string[]>;
  readonly object: (bucket: string, key: string) => Promise<Buffer>;
}

const REGION = 'eu-central-1';
const KEYS = { accessKeyId: 'test:tester', secretAccessKey: 'the/secret+key' };

export async function startSwift(dir: string): Promise<SwiftServer> {
  const root = join(dir, 'swift');
  mkdirSync(root);
  writeFileSync(join(root, 'keys'), `${KEYS.accessKeyId} ${KEYS.secretAccessKey}\n`);
  // It ends with its standard input, so also when this process is killed.
  const child = spawn('/usr/bin/python3', ['test/helpers/swift-server.py', root], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const log = logOf(child.stdout);
  const port = await log.first;
  const url = `http://127.0.0.1:${port}`;
  const ask = (method: 'GET' | 'PUT', path: string): Promise<Buffer> => asked(url, method, path);
  const listed = async (path: string, field: string): Promise<string[]> => {
    const text = (await ask('GET', path)).toString();
    return [...text.matchAll(new RegExp(`<${field}>([^<]*)<`, 'g'))].map(([, key = '']) => key);
  };
  return {
    url,
    domain: 's3.test',
    region: REGION,
    keys: KEYS,
    requests: async () => {
      await fetch(`${url}/?mark`);
      const lines = await log.untilMark();
      return lines.filter((line) => !OWN.test(line));
    },
    answered: log.next,
    createBucket: async (name) => {
      await ask('PUT', `/${name}`);
    },
    keysOf: async (bucket) => (await listed(`/${bucket}?list-type=2`, 'Key')).sort(),
    uploadsOf: (bucket) => listed(`/${bucket}?uploads=`, 'UploadId'),
    object: (bucket, key) => ask('GET', `/${bucket}/${key}`),
    [Symbol.asyncDispose]: async () => {
      const gone = once(child, 'exit');
      child.stdin.end();
      await gone;
    },
  };
}

/** What the test asked itself. */
const OWN = /^\d+ \w+ \/[^/]*$/;

interface Log {
  readonly first: Promise<string>;
  /** Lines since the last call; its mark was asked for before. */
  readonly untilMark: () => Promise<string[]>;
  readonly next: (line: RegExp) => Promise<void>;
}

function logOf(stdout: NodeJS.ReadableStream): Log {
  const reader = createInterface({ input: stdout });
  const first = Promise.race([
    once(reader, 'line').then(([line]) => String(line)),
    once(reader, 'close').then(() => Promise.reject(new Error('swift does not start'))),
  ]);
  const lines: string[] = [];
  reader.on('line', (line) => {
    if (line.includes(' ')) lines.push(line); // Else it is the port.
  });
  const next = (wanted: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const see = (line: string): void => {
        if (!wanted.test(line)) return;
        reader.off('line', see);
        resolve();
      };
      reader.on('line', see);
    });
  return {
    first,
    next,
    untilMark: async () => {
      while (!lines.some((line) => line.endsWith('/?mark'))) await once(reader, 'line');
      return lines.splice(0).slice(0, -1);
    },
  };
}

async function asked(base: string, method: 'GET' | 'PUT', path: string): Promise<Buffer> {
  const url = new URL(base + path);
  const hash = createHash('sha256').digest('hex');
  const response = await fetch(url, {
    method,
    headers: signAws({ method, url, headers: {}, hash }, KEYS, REGION),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`${method} ${path}: ${bytes.toString()}`);
  return bytes;
}
