import type { SourceRange } from '../model/error.js';
import type { DeviceRequest, NetworkMode } from '../model/graph.js';
import type { Healthcheck } from '../model/oci.js';
import type { Heredoc } from './heredoc.js';

/** Exec form (a JSON array) or shell form (the rest of the logical line). */
export type Form =
  | { readonly json: true; readonly args: readonly string[] }
  | { readonly json: false; readonly text: string };

export type Pair = readonly [name: string, value: string];

/** What each kind of instruction says, unexpanded. */
export type InstructionBody =
  | {
      readonly kind: 'from';
      readonly base: string;
      readonly stage?: string;
      readonly platform?: string;
    }
  | {
      readonly kind: 'run';
      readonly form: Form;
      readonly heredocs: readonly Heredoc[];
      /** `--mount` values as written. */
      readonly mounts: readonly string[];
      readonly network?: NetworkMode;
      readonly security: 'sandbox' | 'insecure';
      readonly devices: readonly DeviceRequest[];
    }
  | CopyBody
  | { readonly kind: 'env'; readonly pairs: readonly Pair[] }
  | { readonly kind: 'label'; readonly pairs: readonly Pair[] }
  | { readonly kind: 'arg'; readonly args: readonly ArgDeclaration[] }
  | { readonly kind: 'workdir'; readonly path: string }
  | { readonly kind: 'user'; readonly user: string }
  | { readonly kind: 'cmd'; readonly form: Form }
  | { readonly kind: 'entrypoint'; readonly form: Form }
  | { readonly kind: 'expose'; readonly ports: readonly string[] }
  | { readonly kind: 'volume'; readonly paths: readonly string[] }
  | { readonly kind: 'shell'; readonly shell: readonly string[] }
  | { readonly kind: 'stopsignal'; readonly signal: string }
  | {
      readonly kind: 'healthcheck';
      readonly form?: Form;
      readonly options: Omit<Healthcheck, 'Test'>;
    }
  | { readonly kind: 'onbuild'; readonly trigger: string }
  | { readonly kind: 'maintainer'; readonly author: string };

export interface CopyBody {
  readonly kind: 'copy';
  readonly instruction: 'COPY' | 'ADD';
  readonly sources: readonly string[];
  /** Files written in the Dockerfile itself; they come after `sources`. */
  readonly heredocs: readonly Heredoc[];
  readonly dest: string;
  readonly from?: string;
  readonly chown?: string;
  readonly chmod?: string;
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
  readonly link?: boolean;
  readonly parents?: boolean;
  readonly unpack?: boolean;
  /** Patterns, not expanded. */
  readonly exclude?: readonly string[];
}

export interface ArgDeclaration {
  readonly name: string;
  readonly value?: string;
}

/** One instruction with its place. `text` is the logical line: keyword upper-cased, continuations joined. */
export type Instruction = InstructionBody & {
  readonly range: SourceRange;
  readonly text: string;
};

/** A problem with a place; a file may have many. */
export interface Diagnostic {
  readonly message: string;
  readonly range: SourceRange;
  readonly hint?: string;
  readonly code: 'syntax' | 'unsupported';
}

export interface Directives {
  /** `\` or a backtick. */
  readonly escape: string;
  readonly syntax?: string;
  /** Of `syntax`, from 1. */
  readonly syntaxLine?: number;
  readonly check?: string;
}

export interface ParsedDockerfile {
  readonly file: string;
  readonly instructions: readonly Instruction[];
  readonly directives: Directives;
  /** Physical lines, for excerpts. */
  readonly lines: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}
