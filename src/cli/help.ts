import type { Command } from './command.js';
import type { FlagSpec } from './flags.js';

export function commandHelp({ names, usage, summary, flags }: Command): string {
  const [name = '', ...aliases] = names;
  const shown = flags.filter((flag) => flag.later !== true && flag.refused === undefined);
  const options = shown.length === 0 ? '' : `\nOptions:\n${columns(shown.map(flagRow))}`;
  const also =
    aliases.length === 0
      ? ''
      : `\nAliases:\n  ${aliases.map((alias) => `stave ${alias}`).join(', ')}\n`;
  return `Usage:  stave ${name} ${usage}\n\n${summary}\n${also}${options}`;
}

function flagRow({ name, short, kind, value, help }: FlagSpec): [string, string] {
  const shorthand = short === undefined ? '   ' : `-${short},`;
  const argument = kind === 'bool' ? '' : ` ${value ?? 'VALUE'}`;
  return [`  ${shorthand} --${name}${argument}`, help];
}

/** All commands, or those of one group. */
export function overview(commands: readonly Command[], group: string | undefined): string {
  const rows = commands.flatMap(({ names, summary }): [string, string][] => {
    const name =
      group === undefined ? names[0] : names.find((each) => each.startsWith(`${group} `));
    return name === undefined ? [] : [[`  ${name}`, summary]];
  });
  const head =
    group === undefined
      ? 'Usage:  stave COMMAND\n\nBuild and run container images, without a daemon'
      : `Usage:  stave ${group} COMMAND`;
  const options = group === undefined ? `\nOptions, before the command:\n${columns(GLOBAL)}` : '';
  return `${head}\n\nCommands:\n${columns(rows)}${options}\nstave COMMAND --help tells more of each.\n`;
}

const GLOBAL: readonly (readonly [string, string])[] = [
  ['      --config DIRECTORY', "Where docker's config.json is (default ~/.docker)"],
  ['  -c, --context default', 'Accepted: there is one'],
  ['  -D, --debug', 'Accepted: there is no log of stave itself'],
  ['  -l, --log-level LEVEL', 'Accepted: debug, info, warn, error, fatal'],
  ['  -v, --version', 'Print the version'],
];

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 3;
  return rows.map(([left, right]) => `${left.padEnd(width)}${right}\n`).join('');
}
