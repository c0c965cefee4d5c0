import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Debian's docker-registry on a free loopback port, its data below `dir`. */
export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly data: string;
  /** Lines `METHOD path` of what was asked since the last call, answered or not. */
  readonly requests: () => Promise<string[]>;
}

export async function startRegistry(dir: string): Promise<TestRegistry> {
  const at = join(dir, 'registry');
  const data = join(at, 'data');
  mkdirSync(data, { recursive: true });
  const config = [
    'version: 0.1',
    'log: {level: info}',
    `storage: {filesystem: {rootdirectory: ${data}}, delete: {enabled: true}}`,
    // The kernel chooses a port that is free: one found before would be anybody's until then.
    'http: {addr: "127.0.0.1:0"}',
    '',
  ].join('\n');
  writeFileSync(join(at, 'config.yml'), config);
  const [accesses, said] = [join(at, 'access.log'), join(at, 'log')];
  const logs = [accesses, said].map((file) => openSync(file, 'w'));
  const child = spawn('docker-registry', ['serve', join(at, 'config.yml')], {
    stdio: ['ignore', ...logs],
  });
  for (const log of logs) closeSync(log);
  const host = await addressOf(child, said);
  return {
    host,
    data,
    requests: accessLog(host, accesses),
    [Symbol.asyncDispose]: async () => {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    },
  };
}

/** A line is written after its answer is sent: a last request marks the end. */
function accessLog(host: string, file: string): () => Promise<string[]> {
  let seen = 0;
  let marks = 0;
  return async () => {
    const mark = `GET /v2/?mark=${String(++marks)}`;
    await fetch(`http://${host}${mark.slice('GET '.length)}`);
    for (;;) {
      const lines = [...readFileSync(file, 'utf8').matchAll(/"([A-Z]+ \S+) HTTP/g)].map(
        ([, line = '']) => line,
      );
      const end = lines.indexOf(mark);
      if (end !== -1) {
        const since = lines.slice(seen, end);
        seen = end + 1;
        return since;
      }
      await delay(5);
    }
  };
}

/** It listens when it says where. */
async function addressOf(child: ChildProcess, log: string): Promise<string> {
  for (;;) {
    const text = readFileSync(log, 'utf8');
    const address = /listening on (127\.0\.0\.1:\d+)/.exec(text)?.[1];
    if (address !== undefined) return address;
    if (child.exitCode !== null) throw new Error(`docker-registry: ${text}`);
    await delay(25);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
