import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

export const AF_UNIX = 1;
const SUN_PATH = 108;

/** struct sockaddr_un of a path, which may be longer than sun_path: it is named through its directory. */
export function withUnixAddress(path: string, use: (address: Buffer) => void): void {
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const address = Buffer.alloc(2 + SUN_PATH);
    address.writeUInt16LE(AF_UNIX, 0);
    address.write(`/proc/self/fd/${String(directory)}/${basename(path)}`, 2);
    use(address);
  } finally {
    closeSync(directory);
  }
}
