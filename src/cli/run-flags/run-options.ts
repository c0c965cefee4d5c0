import type { RunOptions } from '../../model/run-options.js';
import type { CommandContext } from '../command.js';
import type { FlagSpec } from '../flags.js';
import type { FlagFamily } from './flag-family.js';
import { HEALTH } from './health.js';
import { IMAGE } from './image.js';
import { IDENTITY } from './identity.js';
import { LIFECYCLE } from './lifecycle.js';
import { LIMITS } from './limits.js';
import { NAMESPACES } from './namespaces.js';
import { NAMES, NETWORK } from './network.js';
import { PROCESS } from './process.js';
import { PUBLISH } from './publish.js';
import { REFUSED_FLAGS } from './refused.js';
import { SECURITY } from './security.js';
import { STORAGE } from './storage.js';

const FAMILIES: readonly FlagFamily[] = [
  IMAGE,
  IDENTITY,
  PROCESS,
  NETWORK,
  NAMES,
  PUBLISH,
  NAMESPACES,
  SECURITY,
  LIMITS,
  STORAGE,
  LIFECYCLE,
  HEALTH,
];

/** Flags of `run` and `create`. */
export const RUN_FLAGS: readonly FlagSpec[] = [
  ...FAMILIES.flatMap(({ flags }) => flags),
  ...REFUSED_FLAGS,
];

/** What was given, checked. Throws BuildError `usage`. */
export function runOptions({ flags, env }: CommandContext): RunOptions {
  const [image = '', ...rest] = flags.rest;
  const nothing: RunOptions = {
    image,
    command: rest,
    env: [],
    interactive: false,
    terminal: false,
    remove: false,
    pull: 'missing',
    quiet: false,
    networks: [],
    volumes: [],
    host: {},
    config: {},
  };
  return FAMILIES.map(({ read }) => read(flags, env)).reduce<RunOptions>(
    (all, part) => ({
      ...all,
      ...part,
      host: { ...all.host, ...part.host },
      config: { ...all.config, ...part.config },
    }),
    nothing,
  );
}
