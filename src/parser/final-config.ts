import type { RunConfig } from '../model/oci.js';

/** In the order of docker's image spec; what is not in it (a classic builder's Hostname, Image ...) does not go on. */
const FIELDS = ['User', 'ExposedPorts', 'Env', 'Entrypoint', 'Cmd', 'Volumes', 'WorkingDir'].concat(
  ['Labels', 'StopSignal', 'ArgsEscaped', 'Healthcheck', 'OnBuild', 'Shell', 'StopTimeout'],
) as readonly (keyof RunConfig)[];

const SETS: ReadonlySet<string> = new Set(['ExposedPorts', 'Volumes', 'Labels']);

/** The config as BuildKit writes it: labels of the command line last, empty fields left out, sets in order. */
export function finalConfig(
  config: RunConfig,
  labels: Readonly<Record<string, string>>,
): RunConfig {
  const all = { ...config, Labels: { ...config.Labels, ...labels } };
  const kept = FIELDS.map((field) => [field, all[field]] as const)
    .filter(([field, value]) => (field === 'Healthcheck' ? value !== undefined : !isEmpty(value)))
    .map(([field, value]) => [field, SETS.has(field) ? sorted(value as object) : value]);
  return Object.fromEntries(kept) as RunConfig; // Its own fields, some fewer.
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function sorted(set: object): object {
  return Object.fromEntries(Object.entries(set).sort(([a], [b]) => (a < b ? -1 : 1)));
}
