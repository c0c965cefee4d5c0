import { readFileSync } from 'node:fs';
import { rewriteDurably } from '../cache/durable.js';
import type { ContainerState } from '../model/container.js';
import { DEFAULT_HOST_CONFIG } from '../model/host-config.js';
import { hasCode } from '../model/has-code.js';

type StoredState = Omit<ContainerState, 'endpoints'> & {
  readonly endpoints?: ContainerState['endpoints'];
  readonly network?: string;
};

export function saveState(file: string, state: ContainerState): void {
  try {
    rewriteDurably(file, JSON.stringify(state));
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error; // Removed meanwhile: it does not come back.
  }
}

/** Undefined when it is not there, or is no state: `store check` says so. */
export function readState(file: string): ContainerState | undefined {
  try {
    // Written whole by rewriteDurably, but maybe by a stave that knew less of containers.
    const state = JSON.parse(readFileSync(file, 'utf8')) as StoredState;
    const { network = 'host', autoRemove, hostConfig, endpoints = [] } = state;
    const old = { ...DEFAULT_HOST_CONFIG, NetworkMode: network, AutoRemove: autoRemove };
    return { ...state, endpoints, hostConfig: { ...old, ...hostConfig } };
  } catch (error) {
    // Killed between its directory and its state, or the disk forgot.
    if (hasCode(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
