import { BuildError } from '../model/error.js';

export interface RegistrySettings {
  /** Base URLs asked before the registry itself, in order. */
  readonly mirrors: readonly string[];
  /** Plain HTTP is allowed. */
  readonly insecure: boolean;
  /** Hosts beyond the registry's own site that may be shown its password to give a token. */
  readonly tokenServers: readonly string[];
}

export interface RegistryConfig {
  readonly of: (domain: string) => RegistrySettings;
}

const NONE: RegistrySettings = { mirrors: [], insecure: false, tokenServers: [] };
const KEYS = new Set(Object.keys(NONE));

/** `{"registries": {"docker.io": {"mirrors": ["http://127.0.0.1:5000"], "insecure": false}}}`; undefined is empty. */
export function readRegistryConfig(text: string | undefined, file: string): RegistryConfig {
  if (text === undefined) return { of: () => NONE };
  const config = parse(text, file);
  const registries = config['registries'] ?? {};
  if (!isRecord(registries)) throw bad(file, '"registries" is not an object');
  for (const key of Object.keys(config))
    if (key !== 'registries') throw bad(file, `unknown key "${key}"`);
  const settings = new Map(
    Object.entries(registries).map(([domain, value]) => [
      domain,
      readSettings(domain, value, file),
    ]),
  );
  return { of: (domain) => settings.get(domain) ?? NONE };
}

function readSettings(domain: string, value: unknown, file: string): RegistrySettings {
  if (!isRecord(value)) throw bad(file, `registries."${domain}" is not an object`);
  for (const key of Object.keys(value)) {
    if (!KEYS.has(key)) throw bad(file, `unknown key "${key}" in registries."${domain}"`);
  }
  const { mirrors = [], insecure = false, tokenServers = [] } = value;
  if (!isStrings(mirrors) || !mirrors.every((url) => URL.canParse(url)))
    throw bad(file, `registries."${domain}".mirrors is not a list of URLs`);
  if (typeof insecure !== 'boolean')
    throw bad(file, `registries."${domain}".insecure is not true or false`);
  if (!isStrings(tokenServers))
    throw bad(file, `registries."${domain}".tokenServers is not a list of hosts`);
  return { mirrors, insecure, tokenServers };
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function parse(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw bad(file, (error as Error).message);
  }
  if (!isRecord(value)) throw bad(file, 'not an object');
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bad(file: string, why: string): BuildError {
  return new BuildError('usage', `${file}: ${why}`, {
    hint: '{"registries": {"docker.io": {"mirrors": ["http://127.0.0.1:5000"]}}}',
  });
}
