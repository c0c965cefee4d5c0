import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
} from 'node:fs';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Outcome, StaveWorld } from './stave.js';

export const ORDINARY_UID = 4242;

export interface OrdinaryOptions {
  /** How many subordinate ids the user has; 0: none at all. */
  readonly subordinateIds?: number;
  /** Shell lines run as root before the command, in a mount namespace of its own. */
  readonly before?: string;
}

export interface OrdinaryWorld extends Omit<StaveWorld, 'bytes'> {
  /** Program and arguments of a command line of the user's. */
  readonly command: (args: readonly string[]) => [string, string[]];
}

/**
 * A store of an ordinary user, and the command line run as one. The user is known only in the mount namespace of each
 * command: /etc/passwd, /etc/subuid and their kin are covered there, so that nothing of the machine changes.
 */
export function ordinaryWorld({
  subordinateIds = 65_536,
  before = '',
}: OrdinaryOptions = {}): OrdinaryWorld {
  const dir = mkdtempSync(join(process.env['STAVE_TEST_DIR'] ?? tmpdir(), 'stave-user-'));
  chmodSync(dir, 0o755);
  const home = join(dir, 'home');
  for (const name of ['home', 'etc', 'bin', 'checkout']) mkdirSync(join(dir, name));
  writeAccounts(join(dir, 'etc'), home, subordinateIds);
  symlinkSync(process.execPath, join(dir, 'bin/node'));
  for (const path of [dir, home]) chownSync(path, ORDINARY_UID, ORDINARY_UID);
  const env: NodeJS.ProcessEnv = {
    PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    XDG_DATA_HOME: join(dir, 'data'),
    TMPDIR: dir,
  };
  const command = (args: readonly string[]): [string, string[]] => [
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-ec', `${before}\n${AS_USER}`, dir].concat(
      process.cwd(),
      join(dir, 'checkout/bin/stave'),
      args,
    ),
  ];
  const run = (...args: string[]): Outcome => {
    const { status, stdout, stderr } = spawnSync(...command(args), {
      env,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    return { status, stdout, stderr };
  };
  return {
    dir,
    root: join(dir, 'data/stave'),
    env,
    run,
    command,
    ok: (...args) => {
      const outcome = run(...args);
      if (outcome.status === 0) return outcome;
      throw new Error(`stave ${args.join(' ')}: ${String(outcome.status)}\n${outcome.stderr}`);
    },
    start: (args) => start(...command(args), env),
    [Symbol.dispose]: () => {
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** $0: the world's directory; $1: the checkout, which may be where an ordinary user cannot go; then the command. */
const AS_USER = [
  'for f in passwd group subuid subgid; do [ -e /etc/$f ] || : >/etc/$f; mount --bind "$0/etc/$f" /etc/$f; done',
  'mount --bind "$1" "$0/checkout"; shift',
  `exec setpriv --reuid ${String(ORDINARY_UID)} --regid ${String(ORDINARY_UID)} --clear-groups -- "$@"`,
].join('\n');

function writeAccounts(etc: string, home: string, subordinateIds: number): void {
  for (const name of ['passwd', 'group']) copyFileSync(`/etc/${name}`, join(etc, name));
  const id = String(ORDINARY_UID);
  appendFileSync(join(etc, 'passwd'), `stave-test:x:${id}:${id}::${home}:/bin/sh\n`);
  appendFileSync(join(etc, 'group'), `stave-test:x:${id}:\n`);
  const range = subordinateIds === 0 ? '' : `stave-test:300000:${String(subordinateIds)}\n`;
  for (const name of ['subuid', 'subgid']) writeFileSync(join(etc, name), range);
}

function start(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ status, stdout, stderr });
    });
  });
}
