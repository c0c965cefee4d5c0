import { release } from 'node:os';
import { hostPlatform } from '../../platform.js';
import { type Command, say } from '../command.js';
import { compileTemplate, TEMPLATE_CODE } from '../template/execute.js';
import { withExitCode } from '../exit-error.js';
import { packageVersion } from '../package-version.js';

/** One line, as `docker --version` has it. */
export const versionLineCommand: Command = {
  names: ['--version', '-v'],
  usage: '',
  summary: 'Print the version',
  flags: [],
  run: ({ stdout }) => {
    say(stdout, `stave version ${packageVersion()}\n`);
    return Promise.resolve(0);
  },
};

export const versionCommand: Command = {
  names: ['version'],
  usage: '[OPTIONS]',
  summary: 'Show the version',
  flags: [
    {
      name: 'format',
      short: 'f',
      kind: 'text',
      value: 'TEMPLATE',
      help: 'json or a Go template, of .Client and .Server (which is the same program)',
    },
  ],
  noArguments: true,
  run: ({ stdout, flags }) => {
    const format = flags.text('format');
    const document = versionDocument();
    if (format === undefined) say(stdout, versionText());
    else if (format === 'json') say(stdout, `${JSON.stringify(document)}\n`);
    else say(stdout, `${withExitCode(TEMPLATE_CODE, () => compileTemplate(format))(document)}\n`);
    return Promise.resolve(0);
  },
};

/** docker's two blocks. */
function versionText(): string {
  const { os, architecture } = hostPlatform();
  const [version, platform] = [packageVersion(), `${os}/${architecture}`];
  return [
    'Client:',
    ` Version:           ${version}`,
    ` OS/Arch:           ${platform}`,
    ' Context:           default',
    '',
    'Server:',
    ' Engine:',
    `  Version:          ${version}`,
    `  OS/Arch:          ${platform}`,
    '',
  ].join('\n');
}

/** docker's document, as far as a program without a daemon has it. */
function versionDocument(): Record<string, unknown> {
  const { os, architecture } = hostPlatform();
  const version = { Version: packageVersion(), Os: os, Arch: architecture };
  const engine = {
    Name: 'Engine',
    Version: packageVersion(),
    Details: { Os: os, Arch: architecture },
  };
  return {
    Client: { ...version, Context: 'default' },
    Server: {
      ...{ Platform: { Name: '' }, Components: [engine], ...version },
      KernelVersion: release(),
    },
  };
}
