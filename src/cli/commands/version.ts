import { readFileSync } from 'node:fs';
import { type Command, say } from '../command.js';

export const versionCommand: Command = {
  names: ['version', '--version', '-v'],
  usage: '',
  summary: 'Show the version',
  flags: [],
  run: ({ stdout }) => {
    const file = new URL('../package.json', import.meta.url);
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
    say(stdout, `stave version ${version}\n`);
    return Promise.resolve(0);
  },
};
