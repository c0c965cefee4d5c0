import type { Command } from './command.js';
import { loadCommand, saveCommand } from './commands/archives.js';
import { buildCommand } from './commands/build.js';
import { commitCommand, diffCommand } from './commands/changes.js';
import { contextListCommand, contextWhyCommand } from './commands/context.js';
import {
  inspectCommand,
  inspectContainerCommand,
  psCommand,
  rmCommand,
  runCommand,
} from './commands/containers.js';
import {
  historyCommand,
  inspectImageCommand,
  listCommand,
  removeCommand,
  tagCommand,
} from './commands/images.js';
import { pullCommand } from './commands/pull.js';
import { versionCommand } from './commands/version.js';

/** Every command, in the order the help shows them. */
export const commands: readonly Command[] = [
  buildCommand,
  contextListCommand,
  contextWhyCommand,
  runCommand,
  psCommand,
  rmCommand,
  diffCommand,
  commitCommand,
  inspectContainerCommand,
  listCommand,
  historyCommand,
  inspectCommand,
  inspectImageCommand,
  pullCommand,
  tagCommand,
  removeCommand,
  saveCommand,
  loadCommand,
  versionCommand,
];
