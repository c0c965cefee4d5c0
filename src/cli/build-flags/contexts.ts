import type { BuildOptions } from '../../model/build-options.js';
import { BuildError } from '../../model/error.js';
import type { FlagSpec, ParsedFlags } from '../flags.js';

export const buildContextFlag: FlagSpec = {
  name: 'build-context',
  kind: 'list',
  value: 'NAME=VALUE',
  help: 'A directory, URL or image that a name of the Dockerfile means',
};

/** The contexts of a command line; stdin is only read if one of them is `-`. */
export function contextOptions(
  flags: ParsedFlags,
  context: string,
): Pick<BuildOptions, 'buildContexts' | 'stdin'> {
  const usesStdin = context === '-' || flags.text('file') === '-';
  const buildContexts = Object.fromEntries(flags.list('build-context').map(named));
  return { buildContexts, ...(usesStdin ? { stdin: process.stdin } : {}) };
}

function named(text: string): [name: string, value: string] {
  const cut = text.indexOf('=');
  if (cut > 0 && cut < text.length - 1) return [text.slice(0, cut), text.slice(cut + 1)];
  throw new BuildError('usage', `invalid context value: ${text}, expected key=value`, {
    hint: 'write --build-context name=directory',
  });
}
