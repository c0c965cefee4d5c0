import type { FlagSpec } from '../flags.js';

/** Flags that most listings have. */
export const FORMAT: FlagSpec = {
  name: 'format',
  kind: 'text',
  value: 'TEMPLATE',
  help: "table, 'table TEMPLATE', json or a Go template",
};
export const QUIET: FlagSpec = { name: 'quiet', short: 'q', kind: 'bool', help: 'Only IDs' };
export const NO_TRUNC: FlagSpec = {
  name: 'no-trunc',
  kind: 'bool',
  help: 'Do not cut anything',
};
