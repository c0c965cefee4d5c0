import type { ParsedFlags } from '../flags.js';
import type { FlagFamily, RunPart } from './flag-family.js';
import { keyValueFile } from './key-value-file.js';

/** Who and what a container is: name, user, command, variables, labels. */
export const IDENTITY: FlagFamily = {
  flags: [
    {
      name: 'entrypoint',
      kind: 'text',
      value: 'COMMAND',
      help: "Instead of the image's entrypoint",
    },
    {
      name: 'env',
      short: 'e',
      kind: 'list',
      value: 'NAME[=VALUE]',
      help: 'Set an environment variable',
    },
    { name: 'env-file', kind: 'list', value: 'FILE', help: 'Variables, one a line' },
    {
      name: 'hostname',
      short: 'h',
      kind: 'text',
      value: 'NAME',
      help: 'Host name of the container',
    },
    { name: 'interactive', short: 'i', kind: 'bool', help: 'Keep stdin open' },
    { name: 'label', short: 'l', kind: 'list', value: 'NAME[=VALUE]', help: 'Set metadata' },
    { name: 'label-file', kind: 'list', value: 'FILE', help: 'Labels, one a line' },
    { name: 'name', kind: 'text', value: 'NAME', help: 'Name of the container' },
    { name: 'rm', kind: 'bool', help: 'Remove the container when it ends' },
    { name: 'stop-signal', kind: 'text', value: 'SIGNAL', help: 'What stop sends' },
    { name: 'tty', short: 't', kind: 'bool', help: 'Give it a terminal' },
    { name: 'user', short: 'u', kind: 'text', value: 'USER[:GROUP]', help: 'Who runs it' },
    { name: 'workdir', short: 'w', kind: 'text', value: 'DIR', help: 'Working directory' },
  ],
  read: (flags, env): RunPart => ({
    ...texts(flags),
    env: givenEnvironment(flags, env),
    interactive: flags.bool('interactive'),
    terminal: flags.bool('tty'),
    remove: flags.bool('rm'),
    labels: labelsOf([...lines(flags, 'label-file'), ...flags.list('label')]),
  }),
};

function lines(flags: ParsedFlags, name: string): readonly string[] {
  return flags.list(name).flatMap((file) => keyValueFile(name, file));
}

/** What was not given is left out. */
function texts(flags: ParsedFlags): RunPart {
  const given = {
    // Empty means none.
    name: flags.text('name') === '' ? undefined : flags.text('name'),
    workdir: flags.text('workdir'),
    user: flags.text('user'),
    entrypoint: flags.text('entrypoint'),
    hostname: flags.text('hostname'),
    stopSignal: flags.text('stop-signal'),
  };
  return Object.fromEntries(Object.entries(given).filter(([, text]) => text !== undefined)); // Keys and values are those of `given`.
}

/** Of `--env-file` and `--env`, which comes after it. Throws BuildError `usage`. */
export function givenEnvironment(flags: ParsedFlags, env: NodeJS.ProcessEnv): string[] {
  return environment([...lines(flags, 'env-file'), ...flags.list('env')], env);
}

/** `NAME=VALUE`, or `NAME` with the value it has here. */
function environment(given: readonly string[], env: NodeJS.ProcessEnv): string[] {
  return given.flatMap((entry) => {
    if (entry.includes('=')) return [entry];
    return env[entry] === undefined ? [] : [`${entry}=${env[entry]}`];
  });
}

function labelsOf(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    list.map((label) => {
      const cut = label.indexOf('=');
      return cut === -1 ? [label, ''] : [label.slice(0, cut), label.slice(cut + 1)];
    }),
  );
}
