import { inspectImage, tagImage } from '../../images.js';
import { BuildError } from '../../model/error.js';
import type { Scope } from '../../model/scope.js';
import { imageFor } from '../../platform-image.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import type { FlagSpec } from '../flags.js';
import { errorText } from '../print-error.js';
import { withExitCode } from '../exit-error.js';
import { compileTemplate, TEMPLATE_CODE } from '../template/execute.js';

/** Commands over the store have no progress to show: their scope drops events. */
export function quietScope(signal: AbortSignal): Scope {
  return { signal, emit: () => undefined };
}

export function exactly(context: CommandContext, count: number, usage: string): readonly string[] {
  const { rest } = context.flags;
  if (rest.length === count) return rest;
  throw wrongCount(context, count === 1 ? '1 argument' : `${String(count)} arguments`, usage);
}

export function atLeastOne(context: CommandContext, usage: string): readonly string[] {
  if (context.flags.rest.length > 0) return context.flags.rest;
  throw wrongCount(context, 'at least 1 argument', usage);
}

/** docker's words: 'stave tag' requires 2 arguments. */
export function wrongCount(
  { name }: CommandContext,
  what: string,
  usage: string,
  hint = `usage: ${usage}`,
): BuildError {
  return new BuildError('usage', `'${name}' requires ${what}`, { hint });
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Prints what was found and each failure, as docker does. */
export async function inspectAll(
  context: CommandContext,
  find: (name: string) => Promise<Record<string, unknown>>,
): Promise<number> {
  const { flags, stdout, stderr } = context;
  const names = atLeastOne(context, `${context.name} [OPTIONS] NAME...`);
  const format = flags.text('format') ?? '';
  const template =
    format === '' || format === 'json'
      ? undefined
      : withExitCode(TEMPLATE_CODE, () => compileTemplate(format));
  const found: Record<string, unknown>[] = [];
  const failures: Error[] = [];
  for (const name of names) {
    try {
      found.push(await find(name));
    } catch (error) {
      failures.push(asError(error));
    }
  }
  if (template !== undefined) for (const each of found) say(stdout, `${template(each)}\n`);
  else if (format === 'json') say(stdout, `${JSON.stringify(found)}\n`);
  else say(stdout, `${JSON.stringify(found, null, 4)}\n`);
  return sayAll(failures, stderr);
}

/** Every failure is told; the last one by whoever catches it. */
export function sayAll(failures: readonly Error[], stderr: NodeJS.WriteStream): number {
  for (const failure of failures.slice(0, -1)) say(stderr, errorText(failure));
  const last = failures.at(-1);
  if (last !== undefined) throw last;
  return 0;
}

export const INSPECT_FLAGS: readonly FlagSpec[] = [
  { name: 'format', short: 'f', kind: 'text', value: 'TEMPLATE', help: 'json or a Go template' },
];

export const IMAGE_PLATFORM: FlagSpec = {
  name: 'platform',
  kind: 'text',
  value: 'OS/ARCH',
  help: 'Of an image that has several',
};

export const inspectImageCommand: Command = {
  names: ['image inspect'],
  usage: '[OPTIONS] IMAGE...',
  summary: 'Show all that is known of images',
  flags: [...INSPECT_FLAGS, IMAGE_PLATFORM],
  run: async (context) => {
    await using workshop = openWorkshop(undefined, context.env);
    const platform = context.flags.text('platform');
    return await inspectAll(context, (name) =>
      Promise.resolve(inspectImage(imageFor(name, platform, workshop), workshop)),
    );
  },
};

export const tagCommand: Command = {
  names: ['tag', 'image tag'],
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  summary: 'Give an image another name',
  flags: [],
  run: async (context) => {
    const [source = '', target = ''] = exactly(context, 2, 'stave tag SOURCE TARGET');
    await using workshop = openWorkshop(undefined, context.env);
    tagImage(source, target, workshop);
    return 0;
  },
};
