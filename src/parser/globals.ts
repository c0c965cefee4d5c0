import type { Platform } from '../model/oci.js';
import { BuildError, type SourceRange } from '../model/error.js';
import { formatPlatform } from '../model/platform.js';
import type { Instruction } from './instruction.js';
import { recordLookups } from './lint/recorder.js';
import { Problem } from './problem.js';
import { expandWord } from './words.js';

/** ARGs before the first FROM and the automatic ones: seen by FROM lines, and by stages that declare them. */
export interface GlobalArgs {
  readonly get: (name: string) => string | undefined;
  /** All that may be used in a FROM line: automatic ones, and the declared, also without a value. */
  readonly names: () => readonly string[];
  readonly declared: ReadonlyMap<string, DeclaredArg>;
}

/** Where a global ARG was last declared, and the names its default is made of. */
export interface DeclaredArg {
  readonly range: SourceRange;
  readonly uses: ReadonlySet<string>;
}

export interface GlobalOptions {
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Of the target, and of this machine. */
  readonly platform: Platform;
  readonly buildPlatform?: Platform;
  readonly escape: string;
  readonly targetName: string;
}

/** Left to right: a default sees what stands before it; a build argument replaces the default, unevaluated. */
export function readGlobals(head: readonly Instruction[], options: GlobalOptions): GlobalArgs {
  const values = new Map<string, string>(Object.entries(platformArgs(options)));
  for (const name of values.keys()) {
    const given = options.buildArgs[name];
    if (given !== undefined) values.set(name, given);
  }
  const declared = new Map<string, DeclaredArg>();
  for (const instruction of head) {
    if (instruction.kind !== 'arg') continue;
    const { range } = instruction;
    for (const { name, value } of instruction.args) {
      const uses = new Set<string>();
      const given = options.buildArgs[name];
      const now = given ?? placedAt(range, () => defaultOf(value, values, uses, options));
      if (now !== undefined) values.set(name, now);
      declared.set(name, { range, uses: withoutSelf(name, uses, declared) });
    }
  }
  const names = (): string[] => [...new Set([...values.keys(), ...declared.keys()])];
  return { get: (name) => values.get(name), names, declared };
}

function defaultOf(
  value: string | undefined,
  values: ReadonlyMap<string, string>,
  uses: Set<string>,
  { escape }: GlobalOptions,
): string | undefined {
  if (value === undefined) return undefined;
  const recorder = recordLookups((name) => values.get(name));
  const expanded = expandWord(value, recorder.lookup, escape);
  for (const name of recorder.matched) uses.add(name);
  return expanded;
}

/** `ARG A=$A-more` is made of what the A before it was made of. */
function withoutSelf(
  name: string,
  uses: Set<string>,
  declared: ReadonlyMap<string, DeclaredArg>,
): ReadonlySet<string> {
  if (!uses.delete(name)) return uses;
  return new Set([...uses, ...(declared.get(name)?.uses ?? [])]);
}

function placedAt<T>(range: SourceRange, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new BuildError('syntax', error.message, { range });
  }
}

function platformArgs({
  platform,
  buildPlatform = platform,
  targetName,
}: GlobalOptions): Record<string, string> {
  const of = (side: string, platform: Platform): Record<string, string> => ({
    [`${side}PLATFORM`]: formatPlatform(platform),
    [`${side}OS`]: platform.os,
    [`${side}OSVERSION`]: platform['os.version'] ?? '',
    [`${side}ARCH`]: platform.architecture,
    [`${side}VARIANT`]: platform.variant ?? '',
  });
  return { ...of('BUILD', buildPlatform), ...of('TARGET', platform), TARGETSTAGE: targetName };
}
