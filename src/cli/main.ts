import { machineError } from '../machine-error.js';
import { BuildError, CancelledError } from '../model/error.js';
import { nearest } from '../model/nearest.js';
import { type Command, say } from './command.js';
import { commands } from './commands.js';
import { parseFlags } from './flags.js';
import { withExitCode } from './exit-error.js';
import { takeGlobalFlags } from './global-flags.js';
import { commandHelp, overview } from './help.js';
import { errorText, exitCodeOf } from './print-error.js';
import { refusedCommand } from './refused-commands.js';

/** Runs one command line and gives its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const { stdout, stderr } = process;
  // Whoever closes our output early (head) has what they wanted.
  stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? 0 : 74),
  );
  let usageCode = 1;
  try {
    const { rest: words, env } = withExitCode(125, () => takeGlobalFlags(args, process.env));
    const found = findCommand(words);
    if (found === undefined) return withoutCommand(words);
    const { command, rest, name } = found;
    usageCode = command.usageCode ?? 1;
    if (asksForHelp(command, rest)) {
      say(stdout, commandHelp(command));
      return 0;
    }
    const { interspersed = true } = command;
    const flags = withExitCode(125, () =>
      parseFlags(rest, command.flags, { interspersed, command: name }),
    );
    if (command.noArguments === true) refuseArguments(flags.rest, name);
    const signal = cancelOnSignals();
    return await command.run({ name: `stave ${name}`, flags, env, stdout, stderr, signal });
  } catch (thrown) {
    const error = machineError(thrown);
    say(stderr, errorText(error));
    return exitCodeOf(error, usageCode);
  }
}

function refuseArguments(rest: readonly string[], name: string): void {
  if (rest.length === 0) return;
  throw new BuildError('usage', `'stave ${name}' accepts no arguments`, {
    hint: `see: stave ${name} --help`,
  });
}

interface Found {
  readonly command: Command;
  readonly name: string;
  readonly rest: readonly string[];
}

/** More words before fewer: `buildx history ls`, `image ls`, then `images`. */
function findCommand(args: readonly string[]): Found | undefined {
  for (const words of [3, 2, 1]) {
    const name = args.slice(0, words).join(' ');
    const command = commands.find(({ names }) => names.includes(name));
    if (command !== undefined && args.length >= words)
      return { command, name, rest: args.slice(words) };
  }
  return undefined;
}

function asksForHelp(command: Command, rest: readonly string[]): boolean {
  const end =
    command.interspersed === false
      ? rest.findIndex((arg) => !arg.startsWith('-'))
      : rest.indexOf('--');
  return (end === -1 ? rest : rest.slice(0, end)).some((arg) => arg === '--help' || arg === '-h');
}

function withoutCommand(args: readonly string[]): number {
  const [first, second] = args;
  const group = commands.some(({ names }) => isOf(first ?? '', names));
  if (first === 'help' && second !== undefined) return helpTopic(args.slice(1));
  if (first === undefined || first === '--help' || first === 'help' || first === '-h') {
    say(process.stdout, overview(commands, undefined));
    return 0;
  }
  const refused = refusedCommand(args);
  if (refused !== undefined) throw refused;
  if (group && (second === undefined || second === '--help' || second === '-h')) {
    say(process.stdout, overview(commands, first));
    return 0;
  }
  const words = group ? `${first} ${second ?? ''}` : first;
  const near = group ? nearInGroup(first, second ?? '') : nearCommand(first, second);
  const hint =
    near === undefined
      ? `stave ${group ? `${first} ` : ''}--help lists the commands`
      : `did you mean stave ${near}?`;
  throw new BuildError('usage', `unknown command: stave ${words}`, { hint });
}

/** `help run`, `help image ls`, `help volume`. */
function helpTopic(words: readonly string[]): number {
  const found = findCommand(words);
  if (found?.rest.length === 0) {
    say(process.stdout, commandHelp(found.command));
    return 0;
  }
  const [first = '', ...more] = words;
  if (more.length === 0 && commands.some(({ names }) => isOf(first, names)))
    return withoutCommand([first]);
  throw new BuildError('usage', `unknown help topic: ${words.join(' ')}`, {
    hint: 'stave --help lists the commands',
  });
}

function isOf(group: string, names: readonly string[]): boolean {
  return names.some((name) => name.startsWith(`${group} `));
}

/** The group's name says nothing of how near the other word is. */
function nearInGroup(group: string, second: string): string | undefined {
  const names = commands
    .flatMap((command) => command.names)
    .filter((name) => name.startsWith(`${group} `))
    .map((name) => name.slice(group.length + 1));
  const found = nearest(second, names);
  return found === undefined ? undefined : `${group} ${found}`;
}

/** A slip in a command of two words may be in either of them. */
function nearCommand(first: string, second = ''): string | undefined {
  const names = commands.flatMap((command) => command.names);
  const groups = names.flatMap((name) => (name.includes(' ') ? [name.split(' ', 1)[0] ?? ''] : []));
  const pairs = names.filter((name) => name.includes(' '));
  return nearest(`${first} ${second}`, pairs) ?? nearest(first, [...names, ...groups]);
}

/** The first signal cancels, and everything is put back; the second ends at once. */
function cancelOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort(new CancelledError(`stopped by ${signal}`));
    });
  }
  return controller.signal;
}
