import { parseRestartPolicy } from '../../model/restart-policy.js';
import type { FlagSpec } from '../flags.js';
import type { FlagFamily } from './flag-family.js';
import { given } from './flag-values.js';

/** `update` has it, too. */
export const RESTART_FLAG: FlagSpec = {
  name: 'restart',
  kind: 'text',
  value: 'POLICY',
  help: 'When it ended: no, on-failure[:N], always, unless-stopped',
};

/** What becomes of a container by itself. */
export const LIFECYCLE: FlagFamily = {
  flags: [RESTART_FLAG],
  read: (flags) => {
    const policy = flags.text('restart');
    return {
      host: given({ RestartPolicy: policy === undefined ? undefined : parseRestartPolicy(policy) }),
    };
  },
};
