import { BuildError } from '../../model/error.js';
import type { ParsedFlags } from '../flags.js';
import type { FlagFamily } from './flag-family.js';
import { given } from './flag-values.js';

/** Which image a container is made of, and where its id is written. */
export const IMAGE: FlagFamily = {
  flags: [
    { name: 'cidfile', kind: 'text', value: 'FILE', help: 'Write the ID of the container to it' },
    { name: 'platform', kind: 'text', value: 'OS/ARCH', help: 'Of an image that has several' },
    { name: 'pull', kind: 'text', value: 'always|missing|never', help: 'When to ask the registry' },
    { name: 'quiet', short: 'q', kind: 'bool', help: 'Do not tell of the pull' },
  ],
  read: (flags, env) => {
    const platform = flags.text('platform') ?? env['DOCKER_DEFAULT_PLATFORM'] ?? '';
    return {
      pull: pullOf(flags),
      quiet: flags.bool('quiet'),
      ...(platform === '' ? {} : { platform }),
      host: given({ ContainerIDFile: flags.text('cidfile') }),
    };
  },
};

function pullOf(flags: ParsedFlags): 'always' | 'missing' | 'never' {
  const text = flags.text('pull') ?? 'missing';
  if (text === 'always' || text === 'missing' || text === 'never') return text;
  const names = 'must be one of "always", "missing" or "never"';
  throw new BuildError('usage', `invalid pull option: '${text}': ${names}`);
}
