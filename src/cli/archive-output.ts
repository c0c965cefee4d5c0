import { BuildError } from '../model/error.js';
import type { CommandContext } from './command.js';
import type { FlagSpec } from './flags.js';

export const ARCHIVE_OUTPUT: FlagSpec = {
  name: 'output',
  short: 'o',
  kind: 'text',
  value: 'FILE',
  help: 'Write to a file instead of stdout',
};

/** The file an archive goes to, `-` for stdout. Throws BuildError `usage` when that is a terminal. */
export function archiveOutput({ flags, stdout }: CommandContext): string {
  const dest = flags.text('output') ?? '-';
  if (dest !== '-' || !stdout.isTTY) return dest;
  throw new BuildError('usage', 'cowardly refusing to save to a terminal', {
    hint: 'use -o FILE, or redirect stdout',
  });
}
