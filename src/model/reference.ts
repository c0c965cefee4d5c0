import { type Digest, isDigest } from './digest.js';
import { BuildError } from './error.js';

/**
 * A parsed image name (distribution/reference grammar). `domain` and `path` are normalised as docker does:
 * `debian` is `docker.io/library/debian`. `tag` is `latest` where neither tag nor digest was given.
 */
export interface Reference {
  readonly domain: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const PATH = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const DOMAIN =
  /^(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)(?::[0-9]+)?$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Throws BuildError `syntax` with docker's wording on a name outside the grammar. */
export function parseReference(text: string): Reference {
  const at = text.indexOf('@');
  const digest = at === -1 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest))
    throw invalid(text, 'its digest is not sha256:<64 hex>');
  const named = at === -1 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const tagged = colon > named.lastIndexOf('/');
  const tag = tagged ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text, `its tag "${tag}" is not allowed`);
  const { domain, path } = splitDomain(tagged ? named.slice(0, colon) : named);
  if (!DOMAIN.test(domain)) throw invalid(text, `its registry "${domain}" is not a host name`);
  if (path !== path.toLowerCase())
    throw invalid(text, 'repository name must be lowercase', lowerCase(text, path));
  if (!PATH.test(path) || path.length > 255) throw invalid(text, 'its repository is not allowed');
  const shown = tag ?? (digest === undefined ? 'latest' : undefined);
  return {
    domain,
    path,
    ...(shown === undefined ? {} : { tag: shown }),
    ...(digest === undefined ? {} : { digest }),
  };
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const head = slash === -1 ? '' : name.slice(0, slash);
  if (/[.:]/.test(head) || head === 'localhost' || head !== head.toLowerCase()) {
    const path = name.slice(slash + 1);
    if (head !== 'docker.io' && head !== 'index.docker.io') return { domain: head, path };
    return { domain: 'docker.io', path: path.includes('/') ? path : `library/${path}` };
  }
  return { domain: 'docker.io', path: slash === -1 ? `library/${name}` : name };
}

/** `debian:bookworm-slim`: without what docker leaves out when it prints. */
export function familiarName(reference: Reference): string {
  return `${familiarRepository(reference)}${suffix(reference)}`;
}

/** `docker.io/library/debian:bookworm-slim`: the key under which a name is stored. */
export function canonicalName(reference: Reference): string {
  return `${reference.domain}/${reference.path}${suffix(reference)}`;
}

/** `debian@sha256:...`: by what a pulled image can be asked for again. */
export function pulledDigest(reference: Reference & { readonly digest: Digest }): string {
  return `${familiarRepository(reference)}@${reference.digest}`;
}

export function familiarRepository(reference: Reference): string {
  if (reference.domain !== 'docker.io') return `${reference.domain}/${reference.path}`;
  return reference.path.replace(/^library\//, '');
}

function suffix(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  return reference.digest === undefined ? tag : `${tag}@${reference.digest}`;
}

/** The same name as it could be. */
function lowerCase(text: string, path: string): string | undefined {
  const lower = path.toLowerCase();
  return PATH.test(lower)
    ? `write ${text.replace(path.replace(/^library\//, ''), (name) => name.toLowerCase())}`
    : undefined;
}

function invalid(text: string, why: string, hint?: string): BuildError {
  const message = `invalid reference format: ${JSON.stringify(text)}: ${why}`;
  return new BuildError('syntax', message, hint === undefined ? {} : { hint });
}
