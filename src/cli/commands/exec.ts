import { detachKeys } from '../../client-config.js';
import { exec } from '../../containers.js';
import { exitCodeOf } from '../../model/container.js';
import { BuildError } from '../../model/error.js';
import { openWorkshop } from '../../workshop.js';
import type { Command } from '../command.js';
import { ExitError } from '../exit-error.js';
import { leftByKeys } from '../left-by-keys.js';
import { givenEnvironment } from '../run-flags/identity.js';
import { wrongCount } from './images.js';

export const execCommand: Command = {
  names: ['exec', 'container exec'],
  usage: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  summary: 'Run one more command in a container that runs',
  interspersed: false,
  flags: [
    { name: 'detach', short: 'd', kind: 'bool', help: 'Do not wait for it' },
    { name: 'env', short: 'e', kind: 'list', value: 'NAME[=VALUE]', help: 'Set a variable' },
    { name: 'env-file', kind: 'list', value: 'FILE', help: 'Variables, one a line' },
    { name: 'interactive', short: 'i', kind: 'bool', help: 'Attach stdin' },
    { name: 'privileged', kind: 'bool', help: 'With every capability' },
    { name: 'tty', short: 't', kind: 'bool', help: 'Give it a terminal' },
    { name: 'user', short: 'u', kind: 'text', value: 'USER[:GROUP]', help: 'Who runs it' },
    { name: 'workdir', short: 'w', kind: 'text', value: 'DIR', help: 'Working directory' },
    {
      name: 'detach-keys',
      kind: 'text',
      value: 'KEYS',
      help: 'Keys that leave it running, with -t (ctrl-p,ctrl-q)',
    },
  ],
  run: async (context) => {
    const { flags, env, stderr } = context;
    const usage = 'stave exec [OPTIONS] CONTAINER COMMAND [ARG...]';
    const [name, ...command] = flags.rest;
    if (name === undefined || command.length === 0)
      throw wrongCount(context, 'at least 2 arguments', usage);
    const [terminal, detach] = [flags.bool('tty'), flags.bool('detach')];
    if (terminal && flags.bool('interactive') && !detach && !process.stdin.isTTY)
      throw new BuildError('usage', 'the input device is not a TTY', {
        hint: 'leave out -t, or run it in a terminal',
      });
    const [user, workdir] = [flags.text('user'), flags.text('workdir')];
    const options = {
      command,
      env: givenEnvironment(flags, env),
      interactive: flags.bool('interactive'),
      terminal,
      detach,
      detachKeys: detachKeys(flags.text('detach-keys'), env),
      privileged: flags.bool('privileged'),
      ...(user === undefined ? {} : { user }),
      ...(workdir === undefined ? {} : { workdir }),
    };
    await using workshop = openWorkshop(undefined, env);
    try {
      const { code, detached = false } = await exec(name, options, workshop);
      return detached ? leftByKeys(stderr) : code;
    } catch (error) {
      const code = error instanceof BuildError ? codeOf(error) : undefined;
      throw error instanceof BuildError && code !== undefined ? new ExitError(error, code) : error;
    }
  },
};

/** docker's: 127 and 126 of a program, 126 of a user; of the container itself 1. */
function codeOf(error: BuildError): number | undefined {
  if (/^unable to find (user|group) /.test(error.message)) return 126;
  return error.message.startsWith('exec:') ? exitCodeOf(error) : undefined;
}
