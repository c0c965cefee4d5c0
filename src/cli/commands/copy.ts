import { type Copied, type CopyRequest } from '../../copy.js';
import { BuildError } from '../../model/error.js';
import { ARCHIVE_OUTPUT, archiveOutput } from '../archive-output.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { humanSize } from '../format/units.js';
import { exactly, quietScope } from './images.js';

export const copyCommand: Command = {
  names: ['cp', 'container cp'],
  usage: '[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|- | SRC_PATH|- CONTAINER:DEST_PATH',
  summary: 'Copy files between a container and here; - is a tar on stdin or stdout',
  flags: [
    {
      name: 'archive',
      short: 'a',
      kind: 'bool',
      help: "Out: keep owners. In: all belongs to the container's user",
    },
    { name: 'follow-link', short: 'L', kind: 'bool', help: 'Copy what a link means' },
    { name: 'quiet', short: 'q', kind: 'bool', help: 'Say nothing, also on a terminal' },
  ],
  run: async (context) => {
    const usage = 'stave cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|- or SRC_PATH|- CONTAINER:DEST';
    const [from = '', to = ''] = exactly(context, 2, usage);
    if (from === '') throw new BuildError('usage', 'source can not be empty');
    if (to === '') throw new BuildError('usage', 'destination can not be empty');
    const { flags, env, signal } = context;
    const request = { from, to, follow: flags.bool('follow-link'), archive: flags.bool('archive') };
    await using workshop = openWorkshop(undefined, env);
    const { copy } = await import('../../copy.js');
    const copied = await copy(request, workshop, quietScope(signal));
    if (copied !== undefined) summary(copied, request, context);
    return 0;
  },
};

/** docker says how much it was on a terminal only. */
function summary(
  { transferred, content = transferred }: Copied,
  { to }: CopyRequest,
  { flags, stdout, stderr }: CommandContext,
): void {
  if (flags.bool('quiet') || !stdout.isTTY) return;
  const both = content === transferred ? '' : ` (transferred ${humanSize(transferred)})`;
  say(stderr, `Successfully copied ${humanSize(content)}${both} to ${to}\n`);
}

export const exportCommand: Command = {
  names: ['export', 'container export'],
  usage: '[OPTIONS] CONTAINER',
  summary: "Write a container's filesystem as a tar",
  flags: [ARCHIVE_OUTPUT],
  run: async (context) => {
    const [name = ''] = exactly(context, 1, 'stave export [OPTIONS] CONTAINER');
    const dest = archiveOutput(context);
    await using workshop = openWorkshop(undefined, context.env);
    const { exportContainer } = await import('../../copy.js');
    await exportContainer(name, dest, workshop, quietScope(context.signal));
    return 0;
  },
};
