import type { RunConfig } from '../model/oci.js';
import type { MutableConfig } from './stage-state.js';

/**
 * A stage's own copy of a config, its sets included: instructions add to these in place, so that a thousand of them
 * cost no more each than the first. Without prototype: a label may be called `__proto__`.
 */
export function ownConfig(config: Omit<RunConfig, 'Env'>): MutableConfig {
  const { ExposedPorts, Volumes, Labels } = config;
  return {
    ...config,
    ...(ExposedPorts === undefined ? {} : { ExposedPorts: addTo(undefined, ExposedPorts) }),
    ...(Volumes === undefined ? {} : { Volumes: addTo(undefined, Volumes) }),
    ...(Labels === undefined ? {} : { Labels: addTo(undefined, Labels) }),
  };
}

/** Adds to a set of a stage's own config, or begins it. */
export function addTo<T>(
  set: Record<string, T> | undefined,
  more: Readonly<Record<string, T>> | null,
): Record<string, T> {
  return Object.assign(set ?? (Object.create(null) as Record<string, T>), more);
}
