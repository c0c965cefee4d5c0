import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRegistryConfig } from './registry/config.js';
import type { RegistryDeps } from './registry/endpoint.js';
import type { Workshop } from './workshop.js';

/** What the user's configuration says of registries. */
export function registrySettings({ env, home }: Pick<Workshop, 'env' | 'home'>): RegistryDeps {
  const file =
    env['STAVE_CONFIG'] ??
    join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'stave/config.json');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  return { env, home, config: readRegistryConfig(text, file) };
}
