import type { FlagSpec, ParsedFlags } from './flags.js';

/** What every command gets: nothing of the process but this. */
export interface CommandContext {
  /** As it was called: `stave image ls`. */
  readonly name: string;
  readonly flags: ParsedFlags;
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

/** A command is a value: its words, its flags, what it does. */
export interface Command {
  /** `image ls`; the first is the canonical one, all work. */
  readonly names: readonly string[];
  /** After the name: `[OPTIONS] PATH`. */
  readonly usage: string;
  readonly summary: string;
  readonly flags: readonly FlagSpec[];
  /** Flags may follow arguments; default true. */
  readonly interspersed?: boolean;
  /** Whatever follows the flags is an error. */
  readonly noArguments?: true;
  /** Exit code of usage errors; docker's `run` has 125. */
  readonly usageCode?: number;
  /** Gives the exit code. */
  readonly run: (context: CommandContext) => Promise<number>;
}

/** Writes all of it, or throws: data must not be cut silently. */
export function say(stream: NodeJS.WriteStream, text: string): void {
  stream.write(text);
}
