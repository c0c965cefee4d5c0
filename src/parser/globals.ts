import type { Platform } from '../model/oci.js';
import { BuildError } from '../model/error.js';
import type { Instruction } from './instruction.js';
import { Problem } from './problem.js';
import { expandWord } from './words.js';

/** ARGs before the first FROM and the automatic ones: seen by FROM lines, and by stages that declare them. */
export interface GlobalArgs {
  readonly get: (name: string) => string | undefined;
}

export interface GlobalOptions {
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly platform: Platform;
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
  for (const instruction of head) {
    if (instruction.kind !== 'arg') continue;
    for (const { name, value } of instruction.args) {
      const given = options.buildArgs[name];
      try {
        if (given !== undefined) values.set(name, given);
        else if (value !== undefined)
          values.set(
            name,
            expandWord(value, (v) => values.get(v), options.escape),
          );
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        throw new BuildError('syntax', error.message, { range: instruction.range });
      }
    }
  }
  return { get: (name) => values.get(name) };
}

function platformArgs({ platform, targetName }: GlobalOptions): Record<string, string> {
  const { os, architecture, variant = '' } = platform;
  const text = [os, architecture, variant].filter((part) => part !== '').join('/');
  const of = (side: string): Record<string, string> => ({
    [`${side}PLATFORM`]: text,
    [`${side}OS`]: os,
    [`${side}OSVERSION`]: '',
    [`${side}ARCH`]: architecture,
    [`${side}VARIANT`]: variant,
  });
  return { ...of('BUILD'), ...of('TARGET'), TARGETSTAGE: targetName };
}
