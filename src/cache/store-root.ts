import { join } from 'node:path';

/** Where the store is: $STAVE_ROOT, /var/lib/stave for root, else $XDG_DATA_HOME/stave or ~/.local/share/stave. */
export function storeRoot(env: NodeJS.ProcessEnv, uid: number, home: string): string {
  const given = env['STAVE_ROOT'];
  if (given !== undefined && given !== '') return given;
  if (uid === 0) return '/var/lib/stave';
  const data = env['XDG_DATA_HOME'];
  return join(data === undefined || data === '' ? join(home, '.local/share') : data, 'stave');
}
