import { BuildError } from './error.js';

/** A git repository and what of it is meant, in BuildKit's URL grammar (dfgitutil). */
export interface GitReference {
  /** What git is given: the URL without query and fragment. May hold credentials. */
  readonly remote: string;
  /** Branch, tag or commit; '' for the remote's HEAD. */
  readonly ref: string;
  /** Without leading or trailing `/`; '' for all. */
  readonly subdir: string;
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
  readonly submodules?: boolean;
  readonly mtime?: 'checkout' | 'commit';
  readonly fetchByCommit: boolean;
}

const URL_FORM = /^(https?|ssh|git):\/\/([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is;
const SCP_FORM = /^([a-z0-9_-]+@[^/:?#]+:[^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is;

/**
 * `https://host/repo.git`, `git@host:repo`, `ssh://`, `git://`, with `#ref:subdir` or a query; an http(s) URL is one only
 * if its path ends in `.git`. `short` takes `github.com/owner/repo` too, as build contexts do. Undefined for anything
 * else. Throws BuildError `syntax` on what git could take for an option, and on contradictions.
 */
export function parseGitReference(text: string, short = false): GitReference | undefined {
  if (short && text.startsWith('github.com/')) return parseUrl(text, `https://${text}`, true);
  if (URL_FORM.test(text)) return parseUrl(text, text, false);
  const scp = SCP_FORM.exec(text);
  if (scp === null) return undefined;
  const [, remote = '', query, fragment] = scp;
  const host = remote.slice(remote.indexOf('@') + 1, remote.indexOf(':'));
  checkHost(text, remote.slice(0, remote.indexOf('@')), host);
  return build(text, remote, { query, fragment });
}

function parseUrl(text: string, url: string, anyPath: boolean): GitReference | undefined {
  const [, scheme = '', location = '', query, fragment] = URL_FORM.exec(url) ?? [];
  const slash = location.indexOf('/');
  const path = slash === -1 ? '' : location.slice(slash);
  if (/^https?$/i.test(scheme) && !anyPath && !path.endsWith('.git')) return undefined;
  const authority = slash === -1 ? location : location.slice(0, slash);
  const at = authority.lastIndexOf('@');
  checkHost(text, at === -1 ? '' : authority.slice(0, at), authority.slice(at + 1));
  return build(text, `${scheme.toLowerCase()}://${location}`, { query, fragment });
}

/** A name that begins with `-` is an option to ssh (CVE-2017-1000117). */
function checkHost(text: string, user: string, host: string): void {
  if (/[\x00-\x20\x7f]/.test(text)) throw bad(text, 'it holds a blank or control character');
  if (host === '' || host.startsWith('-')) throw bad(text, 'its host is not a host name');
  if (user.startsWith('-')) throw bad(text, 'its user begins with -');
}

interface Rest {
  readonly query: string | undefined;
  readonly fragment: string | undefined;
}

interface Mutable {
  ref: string;
  subdir: string;
  checksum?: string;
  keepGitDir?: boolean;
  submodules?: boolean;
  mtime?: 'checkout' | 'commit';
  fetchByCommit: boolean;
}

function build(text: string, remote: string, { query, fragment }: Rest): GitReference {
  const [ref = '', ...subdir] = decode(fragment ?? '').split(':');
  const found: Mutable = { ref, subdir: cleanSubdir(text, subdir.join(':')), fetchByCommit: false };
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query ?? '')) {
    if (values.has(name)) throw bad(text, `query "${name}" has multiple values`);
    values.set(name, value);
  }
  for (const [name, value] of values) applyQuery(text, found, [name, value]);
  applyNamedRef(text, found, values);
  checkRef(text, found.ref);
  if (found.checksum !== undefined && !/^[0-9a-f]{4,64}$/.test(found.checksum))
    throw bad(text, `its commit ${JSON.stringify(found.checksum)} is not a commit's hash`);
  return { remote, ...found };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function applyQuery(text: string, found: Mutable, [name, value]: readonly [string, string]): void {
  const flag = ['submodules', 'keep-git-dir', 'fetch-by-commit'].includes(name);
  if (value === '' && !flag) throw bad(text, `query "${name}" has no value`);
  if (name === 'ref') found.ref = agreed(text, 'ref', found.ref, value);
  else if (name === 'subdir')
    found.subdir = agreed(text, 'subdir', found.subdir, cleanSubdir(text, value));
  else if (name === 'checksum' || name === 'commit')
    found.checksum = agreed(text, 'commit', found.checksum ?? '', value.toLowerCase());
  else if (name === 'keep-git-dir') found.keepGitDir = truth(text, name, value);
  else if (name === 'submodules') found.submodules = truth(text, name, value);
  else if (name === 'fetch-by-commit') found.fetchByCommit = truth(text, name, value);
  else if (name === 'mtime' && (value === 'checkout' || value === 'commit')) found.mtime = value;
  else if (name === 'mtime')
    throw bad(text, `invalid mtime value: "${value}" (must be "checkout" or "commit")`);
  else if (name !== 'tag' && name !== 'branch') throw bad(text, `unexpected query "${name}"`);
}

/** `tag=` and `branch=` are refs by their full names. */
function applyNamedRef(text: string, found: Mutable, values: ReadonlyMap<string, string>): void {
  const [tag, branch] = [values.get('tag'), values.get('branch')];
  if (tag !== undefined && branch !== undefined) throw bad(text, 'branch conflicts with tag');
  if (tag !== undefined)
    found.ref = agreed(text, 'ref', found.ref, `refs/tags/${tag.replace(/^refs\/tags\//, '')}`);
  if (branch !== undefined)
    found.ref = agreed(
      text,
      'ref',
      found.ref,
      `refs/heads/${branch.replace(/^refs\/heads\//, '')}`,
    );
}

function agreed(text: string, what: string, before: string, value: string): string {
  if (before !== '' && before !== value)
    throw bad(text, `${what} conflicts: "${before}" vs "${value}"`);
  return value;
}

function truth(text: string, name: string, value: string): boolean {
  if (value === '' || /^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw bad(text, `invalid ${name} value: "${value}"`);
}

function cleanSubdir(text: string, subdir: string): string {
  const parts = subdir.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw bad(text, 'its directory leads out of the repository');
  return parts.join('/');
}

/** What git itself forbids in a ref (git-check-ref-format), and what it would take for an option. */
function checkRef(text: string, ref: string): void {
  if (/^-|[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/$|\.lock$/.test(ref))
    throw bad(text, `${JSON.stringify(ref)} is not a branch, tag or commit`);
}

function bad(text: string, why: string): BuildError {
  return new BuildError('syntax', `invalid git reference ${JSON.stringify(text)}: ${why}`, {
    hint: 'write https://host/repository.git#branch:directory',
  });
}
