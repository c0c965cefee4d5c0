import { existsSync } from 'node:fs';
import { DEFAULT_PATH } from '../model/container-defaults.js';
import { BuildError } from '../model/error.js';
import { runChild } from '../runtime/process.js';
import { privileges } from '../sys/privileges.js';

/** One git command. `config` reaches git through its environment: it may hold what no process list must show. */
export interface GitCommand {
  readonly args: readonly string[];
  readonly config: readonly (readonly [name: string, value: string])[];
  readonly env: NodeJS.ProcessEnv;
  /** Further variables: how ssh is to be used. */
  readonly variables: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface GitOutcome {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

const PROGRAMS = ['/usr/bin/git', '/usr/local/bin/git', '/bin/git'];
const MAX_OUTPUT = 16 << 20;

/** Nothing of the machine or of the repository makes git run a program, ask a person, or leave these protocols. */
const CONFIG: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['core.excludesFile', '/dev/null'],
  ['credential.helper', ''],
  ['protocol.ext.allow', 'never'],
  ['protocol.file.allow', 'never'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['init.defaultBranch', 'main'],
  ['advice.detachedHead', 'false'],
  ['submodule.recurse', 'false'],
];
const PASSED_ON = ['http_proxy', 'https_proxy', 'no_proxy', 'all_proxy'];

/** Runs git to its end; it dies with us, and so do the programs it started. Throws BuildError when there is no git. */
export async function runGit({
  args,
  config,
  env,
  variables,
  signal,
}: GitCommand): Promise<GitOutcome> {
  const output = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[], size: 0 };
  const exit = await runChild([...supervisor(), program(), ...args], {
    stdio: {
      kind: 'pipe',
      onOutput: (stream, data) => {
        output.size += data.length;
        if (output.size <= MAX_OUTPUT) output[stream].push(data);
      },
    },
    env: { ...environment(env, [...CONFIG, ...config]), ...variables },
    signal,
  });
  signal.throwIfAborted();
  const [stdout, stderr] = [output.stdout, output.stderr].map((chunks) =>
    Buffer.concat(chunks).toString(),
  );
  return { ok: exit.exitCode === 0, stdout: stdout ?? '', stderr: stderr ?? '' };
}

/** As root, a PID namespace takes git's helpers with it; else they end when git does not read them any more. */
const supervisor = (): string[] =>
  ['setpriv', '--pdeathsig', 'KILL', '--'].concat(
    privileges().admin ? ['unshare', '--pid', '--fork', '--kill-child=KILL', '--'] : [],
  );

function program(): string {
  const found = PROGRAMS.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new BuildError('runtime', 'git is not installed, and a git repository is needed', {
    hint: 'apt-get install git',
  });
}

function environment(
  env: NodeJS.ProcessEnv,
  config: GitCommand['config'],
): Readonly<Record<string, string>> {
  const proxies = PASSED_ON.flatMap((name) => [name, name.toUpperCase()]);
  const passed = [...proxies, 'GIT_SSL_CAINFO'].flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const ca = env['STAVE_EXTRA_CA_CERTS'] ?? '';
  const settings = config.flatMap(([name, value], i) => [
    [`GIT_CONFIG_KEY_${String(i)}`, name] as const,
    [`GIT_CONFIG_VALUE_${String(i)}`, value] as const,
  ]);
  return {
    PATH: DEFAULT_PATH,
    HOME: '/dev/null',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    SSH_ASKPASS: '/bin/false',
    GIT_ALLOW_PROTOCOL: 'http:https:ssh:git',
    GIT_SSH_COMMAND: 'ssh -F /dev/null -o BatchMode=yes',
    GIT_LFS_SKIP_SMUDGE: '1',
    ...(ca === '' ? {} : { GIT_SSL_CAINFO: ca }),
    ...Object.fromEntries(passed),
    GIT_CONFIG_COUNT: String(config.length),
    ...Object.fromEntries(settings),
  };
}
