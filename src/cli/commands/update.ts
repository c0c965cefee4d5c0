import { update } from '../../containers.js';
import { BuildError } from '../../model/error.js';
import { parseRestartPolicy } from '../../model/restart-policy.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { errorText } from '../print-error.js';
import { RESTART_FLAG } from '../run-flags/lifecycle.js';
import { LIMIT_FLAGS, resourcesOf } from '../run-flags/limits.js';
import { wholeOf } from '../run-flags/flag-values.js';
import { asError, atLeastOne } from './images.js';

const USAGE = 'stave update [OPTIONS] CONTAINER...';

export const updateCommand: Command = {
  names: ['update', 'container update'],
  usage: '[OPTIONS] CONTAINER...',
  summary: 'Change the limits of containers, also of those that run',
  flags: [
    ...LIMIT_FLAGS,
    RESTART_FLAG,
    { name: 'kernel-memory', kind: 'text', help: '', refused: 'Linux has it no more' },
  ],
  run: async (context) => {
    const names = atLeastOne(context, USAGE);
    const change = changeOf(context);
    await using workshop = openWorkshop(undefined, context.env);
    const warnings: string[] = [];
    let failures = 0;
    for (const name of names) {
      try {
        warnings.push(...(await update(name, change, workshop)));
        say(context.stdout, `${name}\n`);
      } catch (error) {
        failures++;
        if (!(error instanceof BuildError)) throw asError(error);
        say(context.stderr, errorText(error));
      }
    }
    // On stdout, as docker's.
    for (const warning of warnings) say(context.stdout, `${warning}\n`);
    return failures === 0 ? 0 : 1;
  },
};

function changeOf({ flags }: CommandContext) {
  const pids = wholeOf(flags, 'pids-limit');
  // Unlimited is 0 here, and what is not given stays.
  const change = {
    ...resourcesOf(flags),
    ...(pids !== undefined && pids <= 0 ? { PidsLimit: 0 } : {}),
  };
  const policy = flags.text('restart');
  if ([...LIMIT_FLAGS, RESTART_FLAG].some(({ name }) => flags.text(name) !== undefined))
    return {
      ...change,
      ...(policy === undefined ? {} : { RestartPolicy: parseRestartPolicy(policy) }),
    };
  throw new BuildError('usage', 'you must provide one or more flags when using this command', {
    hint: 'stave update --help lists them',
  });
}
