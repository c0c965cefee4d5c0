import { BuildError } from '../model/error.js';
import { nearest } from '../model/nearest.js';

/** What stands before the command: docker's flags of all commands. */
export interface GlobalFlags {
  /** The command and what follows it. */
  readonly rest: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

const NO_DAEMON = 'there is no daemon to connect to';
const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'];

interface Spec {
  readonly names: readonly string[];
  readonly value: boolean;
  /** Throws on a value that cannot be had; gives what it changes of the environment. */
  readonly take: (value: string, shown: string) => Readonly<Record<string, string>>;
}

const SPECS: readonly Spec[] = [
  // A client without a daemon keeps no log of its own.
  { names: ['-D', '--debug'], value: false, take: () => ({}) },
  { names: ['-l', '--log-level'], value: true, take: checkLevel },
  { names: ['--config'], value: true, take: (directory) => ({ DOCKER_CONFIG: directory }) },
  { names: ['-c', '--context'], value: true, take: checkContext },
  { names: ['-H', '--host'], value: true, take: refuse },
  { names: ['--tls'], value: false, take: refuse },
  { names: ['--tlsverify'], value: false, take: refuse },
  { names: ['--tlscacert'], value: true, take: refuse },
  { names: ['--tlscert'], value: true, take: refuse },
  { names: ['--tlskey'], value: true, take: refuse },
];
/** Commands that look like flags. */
const COMMANDS = ['--help', '-h', '--version', '-v'];

/** Throws BuildError `usage` or `unsupported`. */
export function takeGlobalFlags(args: readonly string[], env: NodeJS.ProcessEnv): GlobalFlags {
  const rest = [...args];
  const changes: Record<string, string> = {};
  for (let arg = rest[0]; arg?.startsWith('-') === true; arg = rest[0]) {
    if (COMMANDS.includes(arg)) break;
    rest.shift();
    const { spec, shown, inline } = specOf(arg);
    const value = inline ?? (spec.value ? rest.shift() : 'true');
    if (value === undefined) throw usage(`flag needs an argument: ${shown}`);
    if (spec.value || value !== 'false') Object.assign(changes, spec.take(value, shown));
  }
  return { rest, env: { ...env, ...changes } };
}

function specOf(arg: string): { spec: Spec; shown: string; inline: string | undefined } {
  const cut = arg.startsWith('--') ? arg.indexOf('=') : -1;
  const shown = arg.startsWith('--') ? (cut === -1 ? arg : arg.slice(0, cut)) : arg.slice(0, 2);
  const spec = SPECS.find(({ names }) => names.includes(shown));
  const short = arg.slice(2).replace(/^=/, '');
  if (spec !== undefined) {
    if (arg.startsWith('--'))
      return { spec, shown, inline: cut === -1 ? undefined : arg.slice(cut + 1) };
    if (short === '' || spec.value)
      return { spec, shown, inline: short === '' ? undefined : short };
  }
  const known = SPECS.flatMap(({ names }) => names).concat(COMMANDS);
  const near = arg.startsWith('--') ? nearest(shown, known) : undefined;
  throw usage(
    `unknown flag: ${arg.startsWith('--') ? shown : arg}`,
    near === undefined
      ? 'flags of a command follow it: stave COMMAND --help'
      : `did you mean ${near}?`,
  );
}

function checkLevel(value: string): Record<string, string> {
  if (LEVELS.includes(value)) return {};
  throw usage(`Unable to parse logging level: ${value}`, `levels are ${LEVELS.join(', ')}`);
}

function checkContext(value: string): Record<string, string> {
  if (value === 'default') return {};
  throw new BuildError('unsupported', `context "${value}": context not found: ${NO_DAEMON}`, {
    hint: 'leave -c out; STAVE_ROOT names another store',
  });
}

function refuse(_value: string, shown: string): never {
  throw new BuildError('unsupported', `${shown} is not supported: ${NO_DAEMON}`, {
    hint: 'leave it out; STAVE_ROOT names another store, ssh another machine',
  });
}

function usage(message: string, hint = 'see: stave --help'): BuildError {
  return new BuildError('usage', message, { hint });
}
