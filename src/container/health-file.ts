import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rewriteDurably } from '../cache/durable.js';
import { hasCode } from '../model/has-code.js';
import type { Health } from '../model/health.js';
import { makeDeep } from '../sys/make-deep.js';

/** What the last probes found: containers/<id>/health/state.json, written by the container's checker alone. */
export function readHealth(dir: string): Health | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, 'health/state.json'), 'utf8')) as Health; // Written below, whole.
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

export function saveHealth(dir: string, health: Health): void {
  try {
    rewriteDurably(join(dir, 'health/state.json'), JSON.stringify(health));
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error; // The container was removed meanwhile.
  }
}

export function makeHealthDirectory(dir: string): string {
  const health = join(dir, 'health');
  makeDeep(health, 0o700);
  return health;
}
