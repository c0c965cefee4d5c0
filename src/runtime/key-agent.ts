import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BuildError } from '../model/error.js';
import { runChild } from './process.js';

export interface KeyAgent extends AsyncDisposable {
  readonly socket: string;
}

/** An ssh-agent of our own that holds these private keys, in a directory on a tmpfs; it dies with us. */
export async function startKeyAgent(
  keys: readonly string[],
  directory: string,
  path: string,
): Promise<KeyAgent> {
  const controller = new AbortController();
  const socket = join(directory, 'agent');
  const kill = ['setpriv', '--pdeathsig', 'KILL', '--'];
  // A relative path: the kernel takes 108 bytes for a socket's.
  const argv = [...kill, 'env', '-C', directory, 'ssh-agent', '-D', '-a', 'agent'];
  const running = runChild(argv, quiet(path, controller.signal)).catch(() => undefined);
  const stop = async (): Promise<void> => {
    controller.abort();
    await running;
  };
  try {
    await appears(socket, running);
    for (const key of keys) await addKey(key, { directory, path });
    return { socket, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function appears(socket: string, running: Promise<unknown>): Promise<void> {
  const ended = running.then(() => 'ended');
  while (!existsSync(socket)) {
    if ((await Promise.race([ended, delay(5)])) !== 'ended') continue;
    throw new BuildError('runtime', 'ssh-agent could not be started, which --ssh needs for keys', {
      hint: 'apt-get install openssh-client, or give --ssh the socket of a running agent',
    });
  }
}

async function addKey(
  key: string,
  { directory, path }: { readonly directory: string; readonly path: string },
): Promise<void> {
  const said: Uint8Array[] = [];
  const add = ['env', '-C', directory, 'SSH_AUTH_SOCK=agent', 'SSH_ASKPASS_REQUIRE=never'];
  const { exitCode } = await runChild([...add, 'ssh-add', '-q', key], {
    ...quiet(path, AbortSignal.timeout(30_000)),
    stdio: { kind: 'pipe', onOutput: (_stream, data) => said.push(data) },
  });
  if (exitCode === 0) return;
  const why = Buffer.concat(said).toString().trim().split('\n')[0] ?? '';
  throw new BuildError('usage', `ssh key ${key} cannot be used: ${why}`, {
    hint: 'a key with a passphrase must be in a running agent: --ssh default',
  });
}

function quiet(path: string, signal: AbortSignal) {
  return {
    stdio: { kind: 'pipe', onOutput: () => undefined },
    env: { PATH: path },
    signal,
  } as const;
}
