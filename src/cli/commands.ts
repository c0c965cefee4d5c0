import type { Command } from './command.js';
import { buildCommand } from './commands/build.js';

/** Every command, in the order the help shows them. */
export const commands: readonly Command[] = [buildCommand];
