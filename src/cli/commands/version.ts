import { type Command, say } from '../command.js';
import { packageVersion } from '../package-version.js';

export const versionCommand: Command = {
  names: ['version', '--version', '-v'],
  usage: '',
  summary: 'Show the version',
  flags: [],
  run: ({ stdout }) => {
    say(stdout, `stave version ${packageVersion()}\n`);
    return Promise.resolve(0);
  },
};
