import { containerSize } from '../../container-list.js';
import { removeContainer } from '../../containers.js';
import { inspectContainer } from '../../inspect-container.js';
import { BuildError } from '../../model/error.js';
import { openWorkshop, type Workshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import type { FlagSpec } from '../flags.js';
import { errorText } from '../print-error.js';
import { asError, atLeastOne, INSPECT_FLAGS, inspectAll, quietScope } from './images.js';

export const rmCommand: Command = {
  names: ['rm', 'container rm', 'container remove'],
  usage: '[OPTIONS] CONTAINER...',
  summary: 'Remove containers',
  flags: [
    { name: 'force', short: 'f', kind: 'bool', help: 'Also a running one (SIGKILL)' },
    { name: 'volumes', short: 'v', kind: 'bool', help: 'And its anonymous volumes' },
    {
      name: 'link',
      short: 'l',
      kind: 'bool',
      help: '',
      refused: 'there are no links: containers of one network find each other by name',
    },
  ],
  run: async (context) => {
    const { flags, stdout, stderr } = context;
    const names = atLeastOne(context, 'stave rm [OPTIONS] CONTAINER...');
    const options = { force: flags.bool('force'), volumes: flags.bool('volumes') };
    await using workshop = openWorkshop(undefined, context.env);
    let status = 0;
    for (const name of names) {
      try {
        await removeContainer(name, options, workshop);
        say(stdout, `${name}\n`);
      } catch (error) {
        if (!(error instanceof BuildError)) throw asError(error);
        say(stderr, errorText(error));
        // Who forces wants it gone, and it is.
        if (!options.force || error.code !== 'not-found') status = 1;
      }
    }
    return status;
  },
};

export const SIZE: FlagSpec = {
  name: 'size',
  short: 's',
  kind: 'bool',
  help: 'Also how much a container wrote',
};

export async function inspectSized(
  name: string,
  { flags, signal }: CommandContext,
  workshop: Workshop,
): Promise<Record<string, unknown>> {
  const document = inspectContainer(name, workshop);
  if (!flags.bool('size')) return document;
  const state = workshop.containers.find(name);
  const { own, total } = await containerSize(state, workshop, quietScope(signal));
  return Object.defineProperties(document, {
    SizeRw: { value: own, enumerable: true },
    SizeRootFs: { value: total, enumerable: true },
  });
}

export const inspectContainerCommand: Command = {
  names: ['container inspect'],
  usage: '[OPTIONS] CONTAINER...',
  summary: 'Show all that is known of containers',
  flags: [...INSPECT_FLAGS, SIZE],
  run: async (context) => {
    await using workshop = openWorkshop(undefined, context.env);
    return await inspectAll(context, (name) => inspectSized(name, context, workshop));
  },
};
