import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecSpec } from '../model/graph.js';
import type { BindMount } from '../model/process.js';
import type { ExtraHost } from '../model/run-settings.js';
import { hostsFile, resolvConf } from '../runtime/network-files.js';
import { hostSource, type MountSource } from '../runtime/attach-mounts.js';

const PLAIN = { readonly: true, nosuid: true, nodev: true, noexec: true };

/** /etc/hosts and /etc/resolv.conf of one step: mounted, so that they are never in a layer. */
export function networkFiles(
  spec: ExecSpec,
  addHosts: readonly ExtraHost[],
  directory: string,
): MountSource[] {
  const network = spec.network === 'none' ? 'none' : 'host';
  const file = (name: string, text: string): MountSource => {
    writeFileSync(join(directory, name), text, { mode: 0o644 });
    return hostSource(`/etc/${name}`, join(directory, name), PLAIN);
  };
  return [
    file('hosts', hostsFile(hostnameOf(spec), addHosts)),
    file('resolv.conf', resolvConf(hostResolvConf(), network)),
  ];
}

function hostResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}

/** A here-document that begins with `#!`: executable and read-only, in a directory of its own. */
export function scriptMount(script: ExecSpec['script'], directory: string): BindMount[] {
  if (script === undefined) return [];
  const dir = join(directory, 'pipes');
  mkdirSync(dir, { mode: 0o755 });
  writeFileSync(join(dir, script.name), script.content);
  chmodSync(join(dir, script.name), 0o755);
  return [{ source: dir, target: '/dev/pipes', readonly: true }];
}

/** The name BuildKit gives its sandboxes, unless the build has another. */
export function hostnameOf({ hostname }: ExecSpec): string {
  return hostname ?? 'buildkitsandbox';
}
