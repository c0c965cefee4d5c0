import { BuildError } from '../model/error.js';
import type { GitSpec } from '../model/graph.js';
import { redactUrls } from '../model/redact-urls.js';
import type { Scope } from '../model/scope.js';
import { CleanupStack } from './cleanup-stack.js';
import { type GitOutcome, runGit } from './git-process.js';
import { isSsh, sshVariables } from './git-ssh.js';
import type { RemoteSources } from './remote-sources.js';

/** What a ref means at the remote now. */
export interface ResolvedRef {
  /** Full hex hash of the commit; a tag's own hash is peeled off. */
  readonly commit: string;
  /** `refs/heads/main`; absent when the commit itself was asked for. */
  readonly name?: string;
}

/** A remote repository, spoken to by git. */
export class GitRepository {
  /** As a person may see it. */
  readonly shown: string;
  readonly #remote: string;
  readonly #config: readonly (readonly [string, string])[];
  readonly #sources: RemoteSources;
  readonly #scope: Scope;

  private constructor(
    remote: { readonly url: string; readonly header: string | undefined },
    sources: RemoteSources,
    scope: Scope,
  ) {
    this.#remote = remote.url;
    this.shown = redactUrls(remote.url);
    this.#sources = sources;
    this.#scope = scope;
    const { header } = remote;
    this.#config =
      header === undefined
        ? []
        : [[`http.${new URL(remote.url).origin}/.extraHeader`, `Authorization: ${header}`]];
  }

  static async open(remote: string, sources: RemoteSources, scope: Scope): Promise<GitRepository> {
    return new GitRepository(await withoutCredentials(remote, sources), sources, scope);
  }

  /** The remote's URL without credentials. */
  get url(): string {
    return this.#remote;
  }

  /** Runs a git command, in a directory if one is given. */
  async run(args: readonly string[], directory?: string): Promise<GitOutcome> {
    await using stack = new CleanupStack();
    const variables = isSsh(this.#remote) ? await sshVariables(this.#sources, stack) : {};
    const where = directory === undefined ? [] : ['-C', directory];
    const { env } = this.#sources;
    const { signal } = this.#scope;
    return await runGit({
      args: [...where, ...args],
      config: this.#config,
      env,
      variables,
      signal,
    });
  }

  /** Runs a git command that must work. */
  async must(args: readonly string[], directory?: string): Promise<string> {
    const outcome = await this.run(args, directory);
    if (!outcome.ok) throw this.failure(outcome.stderr);
    return outcome.stdout;
  }

  failure(stderr: string): BuildError {
    const lines = stderr.split(/\r?\n/).filter((line) => line.trim() !== '');
    return new BuildError('registry', `git cannot fetch ${this.shown}`, {
      hint: hintFor(stderr),
      details: lines.slice(-10).map((line) => `  git: ${line}`),
    });
  }

  /** Asks the remote what the ref of `spec` means; a full hash means itself. Checks `checksum`. */
  async resolve({ ref, checksum, fetchByCommit }: ResolvingSpec): Promise<ResolvedRef> {
    if (isHash(ref)) return this.#checked({ commit: ref, also: undefined }, checksum);
    if (fetchByCommit && checksum !== undefined && isHash(checksum)) return { commit: checksum };
    const wanted = ref === '' ? 'HEAD' : ref;
    const listed = await this.must(['ls-remote', '--', this.#remote, wanted, `${wanted}^{}`]);
    const refs = new Map(
      listed
        .split('\n')
        .map((line) => line.split('\t'))
        .map(([hash = '', name = '']) => [name, hash] as const),
    );
    const names = [wanted, `refs/heads/${wanted}`, `refs/tags/${wanted}`];
    const name = names.find((each) => refs.has(each));
    if (name === undefined) throw this.#noRef(wanted);
    const tag = refs.get(name) ?? '';
    const commit = refs.get(`${name}^{}`) ?? tag;
    return { ...this.#checked({ commit, also: tag }, checksum), name };
  }

  /** An annotated tag's own hash counts as well. */
  #checked(
    { commit, also }: { commit: string; also: string | undefined },
    checksum: string | undefined,
  ): ResolvedRef {
    const fits =
      checksum === undefined ||
      commit.startsWith(checksum) ||
      (also?.startsWith(checksum) ?? false);
    if (fits) return { commit };
    throw new BuildError('integrity', `expected checksum to match ${checksum}, got ${commit}`, {
      hint: `the ref of ${this.shown} is another commit than the one asked for`,
    });
  }

  #noRef(ref: string): BuildError {
    return new BuildError(
      'not-found',
      `${this.shown}: repository does not contain ref ${JSON.stringify(ref)}`,
      { hint: 'a branch, a tag, or the full hash of a commit is one' },
    );
  }
}

const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /could not read (Username|Password)|Authentication failed|terminal prompts/,
    'is the address right? a private repository needs --secret id=GIT_AUTH_TOKEN',
  ],
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    "the host's key is another than that in known_hosts: someone may be in between, or it was changed; ask who runs it",
  ],
  [
    /Host key verification failed/,
    'the host is not in known_hosts: connect to it once by ssh and compare its fingerprint',
  ],
  [
    /Permission denied \(/,
    'the host knows none of the keys it was offered: give one with --ssh default or --ssh default=PATH',
  ],
  [/ssh: not found|cannot run ssh/, 'apt-get install openssh-client'],
];

function hintFor(stderr: string): string {
  const found = HINTS.find(([pattern]) => pattern.test(stderr));
  return found?.[1] ?? 'is the address right, and is there a network?';
}

type ResolvingSpec = Pick<GitSpec, 'ref' | 'checksum' | 'fetchByCommit'>;

export function isHash(ref: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref);
}

/** Credentials travel in a header of their own, which no process list shows and no redirect carries on. */
async function withoutCredentials(
  remote: string,
  sources: RemoteSources,
): Promise<{ url: string; header: string | undefined }> {
  if (!/^https?:\/\//.test(remote)) return { url: remote, header: undefined };
  if (!URL.canParse(remote))
    throw new BuildError('syntax', `${JSON.stringify(redactUrls(remote))} is not a URL`);
  const url = new URL(remote);
  const [user, password] = [url.username, url.password].map(decodeURIComponent);
  url.username = '';
  url.password = '';
  const own = user === '' ? undefined : basic(user ?? '', password ?? '');
  return { url: url.href, header: own ?? (await secretHeader(url, sources)) };
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** GIT_AUTH_HEADER is the whole header, GIT_AUTH_TOKEN a token as GitHub takes it; with `.host` for one host only. */
async function secretHeader(url: URL, sources: RemoteSources): Promise<string | undefined> {
  for (const suffix of new Set([`.${url.host}`, `.${url.hostname}`, ''])) {
    const header = await sources.secret(`GIT_AUTH_HEADER${suffix}`);
    if (header !== undefined) return header.trim();
    const token = await sources.secret(`GIT_AUTH_TOKEN${suffix}`);
    if (token !== undefined) return basic('x-access-token', token.trim());
  }
  return undefined;
}
