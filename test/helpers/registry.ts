import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Debian's docker-registry on a free loopback port, its data below `dir`. */
export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly data: string;
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
  const child = spawn('docker-registry', ['serve', join(at, 'config.yml')], { stdio: 'ignore' });
  for (let tries = 0; !(await answers(host)); tries++) {
    if (tries > 200 || child.exitCode !== null) throw new Error('docker-registry does not answer');
    await delay(25);
  }
  return {
    host,
    data,
    [Symbol.asyncDispose]: async () => {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    },
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
