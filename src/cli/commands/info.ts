import { type SystemInfo, systemInfo } from '../../system-info.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, say } from '../command.js';
import { binarySize } from '../format/units.js';
import { packageVersion } from '../package-version.js';
import { compileTemplate } from '../template/execute.js';

export const infoCommand: Command = {
  names: ['info', 'system info'],
  usage: '[OPTIONS]',
  summary: 'Show what is known of the store and the machine',
  flags: [
    { name: 'format', short: 'f', kind: 'text', value: 'TEMPLATE', help: 'json or a Go template' },
  ],
  run: async ({ flags, env, stdout }) => {
    await using workshop = openWorkshop(undefined, env);
    const info = { ...systemInfo(workshop), ServerVersion: packageVersion() };
    const format = flags.text('format');
    if (format === undefined) say(stdout, infoText(info));
    else if (format === 'json') say(stdout, `${JSON.stringify(info)}\n`);
    else say(stdout, `${compileTemplate(format)(info)}\n`);
    return 0;
  },
};

function infoText(info: SystemInfo & { readonly ServerVersion: string }): string {
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
    `Default Runtime: ${info.DefaultRuntime}`,
    `Kernel Version: ${info.KernelVersion}`,
    `Operating System: ${info.OperatingSystem}`,
    `OSType: ${info.OSType}`,
    `Architecture: ${info.Architecture}`,
    `CPUs: ${String(info.NCPU)}`,
    `Total Memory: ${binarySize(info.MemTotal)}`,
    `Name: ${info.Name}`,
    `Root Dir: ${info.DockerRootDir}`,
  ];
  return `${lines.join('\n')}\n`;
}
