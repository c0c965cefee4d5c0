import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';

/** Debian's sshd on loopback, one process a connection; `user` may come in with the key `userKey`. */
export interface SshServer extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** The line known_hosts needs. */
  readonly known: string;
  /** File of a private key that may come in. */
  readonly userKey: string;
  /** Its configuration, for an sshd of one's own. */
  readonly config: string;
}

export function newKey(file: string): string {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file]);
  return file;
}

export async function startSshServer(dir: string): Promise<SshServer> {
  mkdirSync(dir, { recursive: true });
  const [hostKey, userKey] = [newKey(join(dir, 'host')), newKey(join(dir, 'user'))];
  const config = join(dir, 'sshd_config');
  const authorized = join(dir, 'authorized');
  writeFileSync(authorized, readFileSync(`${userKey}.pub`), { mode: 0o600 });
  const lines = [`HostKey ${hostKey}`, `AuthorizedKeysFile ${authorized}`, 'StrictModes no'];
  const more = ['UsePAM no', 'PasswordAuthentication no', 'PidFile none', 'LogLevel ERROR'];
  writeFileSync(config, [...lines, ...more, 'PermitRootLogin yes', ''].join('\n'));
  chmodSync(dir, 0o755);
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 }); // Debian's service makes it; sshd insists on it.
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    const log = ['-E', join(dir, 'log')];
    const child = spawn('/usr/sbin/sshd', ['-i', '-f', config, ...log], {
      stdio: [socket, socket, 'ignore'],
    });
    child.on('exit', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [type = '', key = ''] = readFileSync(`${hostKey}.pub`, 'utf8').split(' ');
  return {
    host: `127.0.0.1:${String(port)}`,
    known: `[127.0.0.1]:${String(port)} ${type} ${key}\n`,
    userKey,
    config,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
