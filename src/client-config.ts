import { homedir } from 'node:os';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from './model/detach-keys.js';
import { BuildError } from './model/error.js';
import { readDockerConfig } from './registry/docker-config.js';

/**
 * A text of docker's config.json, such as `imagesFormat`; undefined where it says nothing. One that cannot be read says
 * nothing: whoever asks a registry is told.
 */
export function clientSetting(name: string, env: NodeJS.ProcessEnv): string | undefined {
  try {
    const value = readDockerConfig(env, env['HOME'] ?? homedir())[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

/** What leaves a container alone: as given, else what config.json says, else docker's. Throws BuildError `usage`. */
export function detachKeys(given: string | undefined, env: NodeJS.ProcessEnv): readonly number[] {
  const flag = given === '' ? undefined : given; // As docker takes it.
  return parseDetachKeys(flag ?? clientSetting('detachKeys', env) ?? DEFAULT_DETACH_KEYS);
}
