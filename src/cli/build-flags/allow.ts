import { BuildError } from '../../model/error.js';
import { nearest } from '../../model/nearest.js';

const KNOWN = ['network.host', 'security.insecure', 'device'];

/** `--allow`, checked. */
export function allowOf(values: readonly string[]): readonly string[] {
  for (const value of values) {
    if (KNOWN.includes(value) || value.startsWith('device=')) continue;
    const near = nearest(value, KNOWN);
    throw new BuildError('usage', `invalid --allow ${JSON.stringify(value)}`, {
      hint: near === undefined ? `use one of ${KNOWN.join(', ')}` : `did you mean ${near}?`,
    });
  }
  return values;
}
