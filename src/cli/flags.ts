import { BuildError } from '../model/error.js';
import { nearest } from '../model/nearest.js';

/** One flag, in docker's grammar (pflag): `--name value`, `--name=value`, `-x value`, `-xvalue`, `-ab`. */
export interface FlagSpec {
  readonly name: string;
  readonly short?: string;
  readonly kind: 'bool' | 'text' | 'list';
  /** For the help: what it does; of a value, what it is. */
  readonly help: string;
  readonly value?: string;
  /** Why a value cannot be it, in docker's words; undefined when it can. */
  readonly check?: (value: string) => string | undefined;
  /** Known from docker, refused with a clear error. */
  readonly later?: boolean;
  /** Known from docker, and why it cannot be had here. */
  readonly refused?: string;
}

export interface ParsedFlags {
  readonly bool: (name: string) => boolean;
  readonly text: (name: string) => string | undefined;
  readonly list: (name: string) => readonly string[];
  readonly rest: readonly string[];
}

export interface FlagOptions {
  /** False: the first argument that is no flag ends them (`run IMAGE COMMAND --its-own`). */
  readonly interspersed: boolean;
  /** How the command is called, for messages. */
  readonly command: string;
}

/** Throws BuildError `usage` on an unknown flag, a missing or wrong value, `unsupported` on one that is for later. */
export function parseFlags(
  args: readonly string[],
  specs: readonly FlagSpec[],
  options: FlagOptions,
): ParsedFlags {
  const values = new Map<string, string[]>();
  const rest: string[] = [];
  const todo = [...args];
  const take = (spec: FlagSpec, shown: string, inline: string | undefined): void => {
    if (spec.later === true) throw notYet(shown);
    if (spec.refused !== undefined) throw refused(shown, spec.refused);
    const value = spec.kind === 'bool' ? boolOf(spec, inline) : (inline ?? todo.shift());
    if (value === undefined) throw usage(missingValue(spec, shown), options);
    const why = spec.check?.(value);
    if (why !== undefined) throw wrongValue(spec, value, why);
    values.set(spec.name, [...(values.get(spec.name) ?? []), value]);
  };
  for (let arg = todo.shift(); arg !== undefined; arg = todo.shift()) {
    if (arg === '--') {
      rest.push(...todo.splice(0));
    } else if (arg.startsWith('--')) {
      const [name = '', ...value] = arg.slice(2).split('=');
      if (name === '' || name.startsWith('-')) throw usage(`bad flag syntax: ${arg}`, options);
      const spec = specs.find((each) => each.name === name);
      if (spec === undefined) throw unknownFlag(name, specs, options);
      take(spec, `--${name}`, value.length === 0 ? undefined : value.join('='));
    } else if (arg.startsWith('-') && arg !== '-') takeShort(arg.slice(1), specs, options, take);
    else {
      rest.push(arg);
      if (!options.interspersed) rest.push(...todo.splice(0));
    }
  }
  return {
    bool: (name) => values.get(name)?.at(-1) === 'true',
    text: (name) => values.get(name)?.at(-1),
    list: (name) => values.get(name) ?? [],
    rest,
  };
}

/** `-ti` is two flags; the first that takes a value takes what is left of the word. */
function takeShort(
  word: string,
  specs: readonly FlagSpec[],
  options: FlagOptions,
  take: (spec: FlagSpec, shown: string, inline: string | undefined) => void,
): void {
  for (let i = 0; i < word.length; i++) {
    const letter = word[i] ?? '';
    const spec = specs.find((each) => each.short === letter);
    if (spec === undefined)
      throw usage(`unknown shorthand flag: '${letter}' in -${word.slice(i)}`, options);
    if (spec.kind === 'bool' && !/^=./.test(word.slice(i + 1))) {
      take(spec, `-${letter}`, undefined);
      continue;
    }
    const left = word.slice(i + 1).replace(/^=/, '');
    take(spec, `-${letter}`, left === '' ? undefined : left);
    return;
  }
}

function boolOf(spec: FlagSpec, inline: string | undefined): string {
  if (inline === undefined || /^(1|t|true)$/i.test(inline)) return 'true';
  if (/^(0|f|false)$/i.test(inline)) return 'false';
  throw wrongValue(
    spec,
    inline,
    `strconv.ParseBool: parsing ${JSON.stringify(inline)}: invalid syntax`,
  );
}

/** pflag's words; `-m` alone is named by its letter. */
function missingValue({ name, short }: FlagSpec, shown: string): string {
  const letter = shown.startsWith('--') ? undefined : short;
  return `flag needs an argument: ${letter === undefined ? `--${name}` : `'${letter}' in -${letter}`}`;
}

function wrongValue({ name, short }: FlagSpec, value: string, why: string): BuildError {
  const shown = short === undefined ? `--${name}` : `-${short}, --${name}`;
  return new BuildError(
    'usage',
    `invalid argument ${JSON.stringify(value)} for "${shown}" flag: ${why}`,
  );
}

function notYet(shown: string): BuildError {
  return new BuildError('unsupported', `${shown} is not supported yet`, { hint: 'leave it out' });
}

function refused(shown: string, why: string): BuildError {
  return new BuildError('unsupported', `${shown} is not supported: ${why}`, {
    hint: 'leave it out',
  });
}

function unknownFlag(name: string, specs: readonly FlagSpec[], options: FlagOptions): BuildError {
  const near = nearest(
    name,
    specs.map((spec) => spec.name),
  );
  const hint =
    near === undefined ? `stave ${options.command} --help lists them` : `did you mean --${near}?`;
  return new BuildError('usage', `unknown flag: --${name}`, { hint });
}

function usage(message: string, { command }: FlagOptions): BuildError {
  return new BuildError('usage', message, { hint: `see: stave ${command} --help` });
}
