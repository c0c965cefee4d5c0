import { mkdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { BuildError } from '../model/error.js';
import type { SshSource } from '../model/run-settings.js';
import type { CleanupStack } from './cleanup-stack.js';

/** The socket of a given agent; of key files, one of an agent that `stack` ends. */
export async function openAgent(
  { id, paths }: SshSource,
  directory: string,
  stack: CleanupStack,
): Promise<string> {
  const kinds = paths.map((path) => kindOf(id, path));
  const [first] = paths;
  if (first !== undefined && paths.length === 1 && kinds[0] === 'socket') return resolve(first);
  if (kinds.includes('socket'))
    throw new BuildError('usage', `--ssh ${id}: give one socket, or key files, not both`);
  mkdirSync(directory, { mode: 0o700 });
  const { startKeyAgent } = await import('../runtime/key-agent.js');
  const keys = paths.map((path) => resolve(path));
  const agent = await startKeyAgent(keys, directory, '/usr/local/bin:/usr/bin:/bin');
  stack.use(agent);
  return agent.socket;
}

function kindOf(id: string, path: string): 'socket' | 'file' {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isSocket() === true) return 'socket';
  if (stat?.isFile() === true) return 'file';
  const why = stat === undefined ? 'there is nothing' : 'it is neither a socket nor a file';
  throw new BuildError('not-found', `--ssh ${id}: ${path}: ${why}`, {
    hint: `--ssh ${id}=PATH takes an agent's socket or a private key`,
  });
}
