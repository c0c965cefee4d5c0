// Which test files need the machine's bridges and firewall for themselves: those that ask for a network, or import what
// does (test/helpers/stave.ts gives every other world the host's own). Two of them at once disturb each other.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ASKS = /STAVE_NETWORK'\] = ''/;
/** They run podman: its first after a boot frees locks that another just took. */
const NAMED = /\/(exporter\/(export-image|load)|e2e\/archives)\.test\.ts$/;

export function needsMachine(file, seen = new Set()) {
  if (seen.has(file)) return false;
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  return (
    NAMED.test(file) ||
    ASKS.test(text) ||
    importsOf(file, text).some((to) => needsMachine(to, seen))
  );
}

function importsOf(file, text) {
  return [...text.matchAll(/from '(\.{1,2}\/[^']+)\.js'/g)]
    .flatMap(([, path]) => ['.ts', '.tsx'].map((end) => join(dirname(file), path + end)))
    .filter((path) => path.startsWith('test/') && existsSync(path));
}
