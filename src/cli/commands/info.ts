import { type SystemInfo, systemInfo } from '../../system-info.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { binarySize } from '../format/units.js';
import { packageVersion } from '../package-version.js';
import { compileTemplate, TEMPLATE_CODE } from '../template/execute.js';
import { withExitCode } from '../exit-error.js';

export const infoCommand: Command = {
  names: ['info', 'system info'],
  usage: '[OPTIONS]',
  summary: 'Show what is known of the store and the machine',
  flags: [
    { name: 'format', short: 'f', kind: 'text', value: 'TEMPLATE', help: 'json or a Go template' },
  ],
  noArguments: true,
  run: async ({ flags, env, stdout }) => {
    await using workshop = openWorkshop(undefined, env);
    const version = packageVersion();
    const info = {
      ...systemInfo(workshop),
      ServerVersion: version,
      ClientInfo: { Debug: false, Version: version, Context: 'default' },
    };
    const format = flags.text('format');
    if (format === undefined) say(stdout, infoText(info));
    else if (format === 'json') say(stdout, `${JSON.stringify(info)}\n`);
    else say(stdout, `${withExitCode(TEMPLATE_CODE, () => compileTemplate(format))(info)}\n`);
    return 0;
  },
};

type Info = SystemInfo & { readonly ServerVersion: string };

/** docker's layout: what the client is, then what the engine, which is the same program, has. */
function infoText(info: Info): string {
  const { Plugins, Runtimes, SecurityOptions } = info;
  const lines = [
    `Containers: ${String(info.Containers)}`,
    ` Running: ${String(info.ContainersRunning)}`,
    ` Paused: ${String(info.ContainersPaused)}`,
    ` Stopped: ${String(info.ContainersStopped)}`,
    `Images: ${String(info.Images)}`,
    `Server Version: ${info.ServerVersion}`,
    `Storage Driver: ${info.Driver}`,
    `Logging Driver: ${info.LoggingDriver}`,
    `Cgroup Version: ${info.CgroupVersion}`,
    'Plugins:',
    ...Object.entries(Plugins).map(([kind, names]) => ` ${kind}: ${names.join(' ')}`),
    `Swarm: ${String(info.Swarm['LocalNodeState'])}`,
    `Runtimes: ${Object.keys(Runtimes).join(' ')}`,
    `Default Runtime: ${info.DefaultRuntime}`,
    'Security Options:',
    ...SecurityOptions.flatMap(securityLines),
    `Kernel Version: ${info.KernelVersion}`,
    `Operating System: ${info.OperatingSystem}`,
    `OSType: ${info.OSType}`,
    `Architecture: ${info.Architecture}`,
    `CPUs: ${String(info.NCPU)}`,
    `Total Memory: ${binarySize(info.MemTotal)}`,
    `Name: ${info.Name}`,
    `ID: ${info.ID}`,
    `Docker Root Dir: ${info.DockerRootDir}`,
    `Debug Mode: ${String(info.Debug)}`,
  ];
  const client = ['Client:', ` Version:    ${info.ServerVersion}`, ' Context:    default'];
  return `${client.join('\n')}\n Debug Mode: ${String(info.Debug)}\n\nServer:\n${lines.map((line) => ` ${line}\n`).join('')}`;
}

/** `name=seccomp,profile=default`: its name, then each key of it. */
function securityLines(option: string): readonly string[] {
  const [name = '', ...keys] = option.split(',').map((pair) => pair.split('='));
  return [
    ` ${name[1] ?? ''}`,
    ...keys.map(
      ([key = '', value = '']) => `  ${key.charAt(0).toUpperCase()}${key.slice(1)}: ${value}`,
    ),
  ];
}
