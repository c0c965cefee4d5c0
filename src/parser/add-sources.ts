import { posix } from 'node:path';
import { canonicalDigest } from '../model/canonical.js';
import { BuildError } from '../model/error.js';
import { type GitReference, parseGitReference } from '../model/git-reference.js';
import type { GitSpec, HttpSpec, Vertex } from '../model/graph.js';
import { redactUrls } from '../model/redact-urls.js';
import type { CopyBody, Instruction } from './instruction.js';
import { Problem } from './problem.js';
import type { Step } from './step.js';

/** Where ADD's sources are, as `CopySpec` wants it. */
export interface AddedSources {
  /** Paths in their place: in the context, or in a remote source's tree. */
  readonly sources: readonly string[];
  /** Absent when all are in the context. */
  readonly origins?: readonly number[];
  /** A vertex for each remote source. */
  readonly inputs: readonly Vertex[];
}

/** Tells git repositories, URLs and local paths apart, in this order, and makes vertices of the remote ones. */
export function addSources(
  body: CopyBody & Instruction,
  sources: readonly string[],
  step: Step,
): AddedSources {
  const checksum = body.checksum === undefined ? undefined : step.expand(body.checksum);
  const specs = sources.map((source) => remoteSpec(source, { checksum, body }));
  checkChecksum(checksum, specs);
  if (specs.every((spec) => spec === undefined)) return { sources, inputs: [] };
  const inputs: Vertex[] = [];
  const origins: number[] = [];
  const paths = specs.map((spec, i) => {
    if (spec === undefined) {
      origins.push(0);
      return sources[i] ?? '';
    }
    inputs.push(remoteVertex(spec, sources[i] ?? '', step));
    origins.push(inputs.length);
    return spec.kind === 'git' ? '/' : `/${spec.filename.replace(/[*?[\\]/g, '\\$&')}`;
  });
  return { sources: paths, origins, inputs };
}

/** COPY takes nothing from afar. */
export function refuseRemote(source: string): void {
  if (git(source) !== undefined)
    throw new Problem(`source can't be a git ref for COPY: ${source}`, {
      hint: 'ADD takes git repositories',
    });
  if (isUrl(source))
    throw new Problem(`source can't be a URL for COPY: ${source}`, { hint: 'ADD takes URLs' });
}

function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source);
}

/** A path that git's own checks refuse is no reason to look for it in the context. */
function git(source: string): GitReference | undefined {
  if (/^\.{0,2}\//.test(source)) return undefined;
  try {
    return parseGitReference(source);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    throw new Problem(error.message, error.hint === undefined ? {} : { hint: error.hint });
  }
}

interface Options {
  readonly checksum: string | undefined;
  readonly body: CopyBody;
}

/** What ADD's source stands for if it is not local. Throws Problem on one that is neither right nor local. */
export function remoteSpec(source: string, options: Options): HttpSpec | GitSpec | undefined {
  const reference = git(source);
  if (reference !== undefined) return gitSpec(reference, options);
  if (!isUrl(source)) return undefined;
  const { checksum } = options;
  if (!URL.canParse(source)) throw new Problem(`${JSON.stringify(source)} is not a URL`);
  return {
    kind: 'http',
    url: source,
    filename: fileName(source),
    ...(checksum === undefined ? {} : { checksum: parseChecksum(checksum) }),
  };
}

/** The last part of the URL's path, decoded; what has none is called as BuildKit calls it. */
function fileName(source: string): string {
  const { pathname } = new URL(source);
  let name: string;
  try {
    name = posix.basename(decodeURIComponent(pathname));
  } catch {
    name = posix.basename(pathname);
  }
  if (name === '') return '__unnamed__';
  if (name === '.' || name === '..' || /[\0/]/.test(name) || Buffer.byteLength(name) > 255)
    throw new Problem(`ADD ${source}: its last part is no file name`);
  return name;
}

const ALGORITHMS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

function parseChecksum(checksum: string): string {
  const [algorithm = '', hex = ''] = checksum.split(':', 2);
  const length = Object.hasOwn(ALGORITHMS, algorithm) ? ALGORITHMS[algorithm] : undefined;
  if (checksum.split(':').length !== 2)
    throw new Problem(`invalid checksum digest format: ${JSON.stringify(checksum)}`, {
      hint: 'write --checksum=sha256:<64 hex digits>',
    });
  if (length === undefined)
    throw new Problem(`unsupported digest algorithm: ${JSON.stringify(algorithm)}`, {
      hint: 'use sha256, sha384 or sha512',
    });
  if (hex.length === length && /^[0-9a-f]+$/.test(hex)) return checksum;
  throw new Problem(`invalid checksum digest length: ${JSON.stringify(checksum)}`, {
    hint: `${algorithm} has ${String(length)} lower-case hex digits`,
  });
}

/** A repository's spec from its URL and, for ADD, the instruction's flags, which must not say otherwise. */
export function gitSpec(
  reference: GitReference,
  { checksum, body }: { checksum?: string | undefined; body?: Pick<CopyBody, 'keepGitDir'> },
): GitSpec {
  const keep = body?.keepGitDir;
  if (keep !== undefined && reference.keepGitDir !== undefined && keep !== reference.keepGitDir)
    throw new Problem('inconsistent keep-git-dir configuration');
  const both = checksum !== undefined && reference.checksum !== undefined;
  if (both && checksum !== reference.checksum)
    throw new Problem(`checksum mismatch "${checksum}" != "${reference.checksum ?? ''}"`);
  const commit = checksum ?? reference.checksum;
  if (commit !== undefined && !/^[0-9a-f]{4,64}$/.test(commit))
    throw new Problem(`${JSON.stringify(commit)} is not a commit's hash or its beginning`);
  return {
    kind: 'git',
    remote: reference.remote,
    ref: reference.ref,
    subdir: reference.subdir,
    keepGitDir: reference.keepGitDir ?? keep ?? false,
    submodules: reference.submodules ?? true,
    mtime: reference.mtime ?? 'checkout',
    fetchByCommit: reference.fetchByCommit,
    ...(commit === undefined ? {} : { checksum: commit }),
  };
}

function checkChecksum(checksum: string | undefined, specs: readonly unknown[]): void {
  if (checksum === undefined) return;
  if (specs.length !== 1) throw new Problem("checksum can't be specified for multiple sources");
  if (specs[0] === undefined) throw new Problem('checksum requires HTTP(S) or Git sources');
}

function remoteVertex(op: HttpSpec | GitSpec, source: string, step: Step): Vertex {
  const { state, instruction, context } = step;
  const stage = state.name === '' ? '' : `[${state.name}] `;
  return {
    // Specs are plain data, as canonicalDigest wants.
    digest: canonicalDigest(op as never),
    op,
    inputs: [],
    name: `${stage}fetch ${redactUrls(source)}`,
    range: instruction.range,
    place: {
      file: context.options.place,
      stage: `${state.name} sources`,
      position: state.position,
      text: `fetch ${source}`,
    },
    ignoreCache: false,
  };
}
