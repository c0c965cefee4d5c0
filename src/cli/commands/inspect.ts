import { inspectImage } from '../../images.js';
import { BuildError } from '../../model/error.js';
import { inspectNetwork } from '../../networks.js';
import { inspectVolume } from '../../volumes.js';
import { openWorkshop, type Workshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { inspectSized, SIZE } from './containers.js';
import { INSPECT_FLAGS, inspectAll } from './images.js';

type Find = (
  name: string,
  context: CommandContext,
  workshop: Workshop,
) => Record<string, unknown> | Promise<Record<string, unknown>>;

/** In docker's order. */
const FINDERS: Readonly<Record<string, Find>> = {
  container: inspectSized,
  image: (name, _context, workshop) => inspectImage(workshop.store.images.find(name), workshop),
  network: (name, _context, workshop) => inspectNetwork(name, workshop),
  volume: (name, _context, workshop) => inspectVolume(name, workshop),
};
const TYPES = Object.keys(FINDERS);

export const inspectCommand: Command = {
  names: ['inspect'],
  usage: '[OPTIONS] NAME...',
  summary: 'Show all that is known of containers, images, networks or volumes',
  flags: [
    ...INSPECT_FLAGS,
    { name: 'type', kind: 'text', value: 'TYPE', help: TYPES.join(', ') },
    SIZE,
  ],
  run: async (context) => {
    const types = typesOf(context.flags.text('type'));
    await using workshop = openWorkshop(undefined, context.env);
    return await inspectAll(context, (name) => findAny(name, types, context, workshop));
  },
};

function typesOf(type: string | undefined): readonly string[] {
  if (type === undefined) return TYPES;
  if (TYPES.includes(type)) return [type];
  const known = `must be one of "${TYPES.join('", "')}"`;
  const what = type === '' ? 'type is empty' : `unknown type: ${JSON.stringify(type)}`;
  throw new BuildError('usage', `${what}: ${known}`);
}

async function findAny(
  name: string,
  types: readonly string[],
  context: CommandContext,
  workshop: Workshop,
): Promise<Record<string, unknown>> {
  for (const type of types) {
    try {
      const found = await FINDERS[type]?.(name, context, workshop);
      if (found === undefined) continue;
      if (type !== 'container' && context.flags.bool('size'))
        say(context.stderr, `WARNING: --size ignored for ${type}\n`);
      return found;
    } catch (error) {
      const skipped = error instanceof BuildError && isOther(error);
      if (types.length === 1 || !skipped) throw error;
    }
  }
  const hint = 'stave ps -a and stave images list what there is';
  throw new BuildError('not-found', `No such object: ${name}`, { hint });
}

/** Not one of this kind, or its kind has no such names; the start of several ids is neither. */
function isOther({ code, message }: BuildError): boolean {
  if (/ is the start of \d+ /.test(message)) return false;
  return code === 'not-found' || code === 'syntax' || code === 'usage';
}
