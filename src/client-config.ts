import { homedir } from 'node:os';
import { readDockerConfig } from './registry/docker-config.js';

/** A text of docker's config.json, such as `imagesFormat`; undefined where it says nothing. */
export function clientSetting(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const value = readDockerConfig(env, env['HOME'] ?? homedir())[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
