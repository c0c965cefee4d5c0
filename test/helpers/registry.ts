import { spawn } from 'node:child_process';
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
  const port = await freePort();
  const host = `127.0.0.1:${String(port)}`;
  const config = [
    'version: 0.1',
    'log: {level: error}',
    `storage: {filesystem: {rootdirectory: ${data}}, delete: {enabled: true}}`,
    `http: {addr: "${host}"}`,
    '',
  ].join('\n');
  writeFileSync(join(at, 'config.yml'), config);
  const logFile = join(at, 'access.log');
  const log = openSync(logFile, 'a');
  const stdio = ['ignore', log, 'ignore'] as const;
  const child = spawn('docker-registry', ['serve', join(at, 'config.yml')], { stdio: [...stdio] });
  closeSync(log);
  for (let tries = 0; !(await answers(host)); tries++) {
    if (tries > 200 || child.exitCode !== null) throw new Error('docker-registry does not answer');
    await delay(25);
  }
  return {
    host,
    data,
    requests: accessLog(host, logFile),
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

async function answers(host: string): Promise<boolean> {
  try {
    return (await fetch(`http://${host}/v2/`)).ok;
  } catch {
    return false;
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
