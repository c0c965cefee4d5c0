import type { Command } from './command.js';
import { loadCommand, saveCommand } from './commands/archives.js';
import { buildCommand } from './commands/build.js';
import {
  cacheExportCommand,
  cacheImportCommand,
  cacheListCommand,
  cacheRemoveCommand,
} from './commands/cache-mounts.js';
import { commitCommand, diffCommand } from './commands/changes.js';
import { contextListCommand, contextWhyCommand } from './commands/context.js';
import { inspectContainerCommand, rmCommand } from './commands/containers.js';
import { copyCommand, exportCommand } from './commands/copy.js';
import { doctorCommand } from './commands/doctor.js';
import { storeCheckCommand } from './commands/store-check.js';
import { diskUsageCommand } from './commands/disk-usage.js';
import { eventsCommand } from './commands/events.js';
import { execCommand } from './commands/exec.js';
import { historyCommand } from './commands/image-history.js';
import { listCommand } from './commands/image-list.js';
import { removeCommand } from './commands/image-remove.js';
import { inspectImageCommand, tagCommand } from './commands/images.js';
import {
  attachCommand,
  killCommand,
  renameCommand,
  restartCommand,
  startCommand,
  stopCommand,
  waitCommand,
} from './commands/lifecycle.js';
import { buildListCommand, buildRemoveCommand } from './commands/history.js';
import { buildInspectCommand } from './commands/history-inspect.js';
import { buildLogsCommand } from './commands/history-logs.js';
import { buildTraceCommand } from './commands/history-trace.js';
import { importCommand } from './commands/import.js';
import { infoCommand } from './commands/info.js';
import { inspectCommand } from './commands/inspect.js';
import { loginCommand, logoutCommand } from './commands/login.js';
import { logsCommand } from './commands/logs.js';
import {
  manifestAnnotateCommand,
  manifestCreateCommand,
  manifestInspectCommand,
  manifestPushCommand,
  manifestRemoveCommand,
} from './commands/manifest.js';
import {
  networkCreateCommand,
  networkInspectCommand,
  networkListCommand,
  networkPruneCommand,
  networkRemoveCommand,
} from './commands/network.js';
import { networkConnectCommand, networkDisconnectCommand } from './commands/network-connect.js';
import { pauseCommand, unpauseCommand } from './commands/pause.js';
import { portCommand } from './commands/port.js';
import { pruneContainersCommand, pruneImagesCommand } from './commands/prune.js';
import { pruneCacheCommand } from './commands/prune-cache.js';
import { pruneSystemCommand } from './commands/prune-system.js';
import { psCommand } from './commands/ps.js';
import { pullCommand } from './commands/pull.js';
import { pushCommand } from './commands/push.js';
import { createCommand, runCommand } from './commands/run.js';
import { searchCommand } from './commands/search.js';
import { statsCommand } from './commands/stats.js';
import { topCommand } from './commands/top.js';
import { updateCommand } from './commands/update.js';
import { whyCommand } from './commands/why.js';
import { versionCommand, versionLineCommand } from './commands/version.js';
import {
  volumeCreateCommand,
  volumeInspectCommand,
  volumeListCommand,
  volumePruneCommand,
  volumeRemoveCommand,
} from './commands/volume.js';

/** Every command, in the order the help shows them. */
export const commands: readonly Command[] = [
  buildCommand,
  whyCommand,
  buildListCommand,
  buildInspectCommand,
  buildLogsCommand,
  buildTraceCommand,
  buildRemoveCommand,
  contextListCommand,
  contextWhyCommand,
  runCommand,
  createCommand,
  startCommand,
  attachCommand,
  execCommand,
  logsCommand,
  psCommand,
  stopCommand,
  killCommand,
  restartCommand,
  pauseCommand,
  unpauseCommand,
  waitCommand,
  renameCommand,
  updateCommand,
  topCommand,
  statsCommand,
  eventsCommand,
  portCommand,
  rmCommand,
  pruneContainersCommand,
  copyCommand,
  exportCommand,
  diffCommand,
  commitCommand,
  inspectContainerCommand,
  listCommand,
  historyCommand,
  inspectCommand,
  inspectImageCommand,
  pullCommand,
  pushCommand,
  loginCommand,
  logoutCommand,
  searchCommand,
  tagCommand,
  removeCommand,
  pruneImagesCommand,
  saveCommand,
  loadCommand,
  importCommand,
  manifestCreateCommand,
  manifestAnnotateCommand,
  manifestInspectCommand,
  manifestPushCommand,
  manifestRemoveCommand,
  volumeCreateCommand,
  volumeInspectCommand,
  volumeListCommand,
  volumePruneCommand,
  volumeRemoveCommand,
  networkCreateCommand,
  networkListCommand,
  networkInspectCommand,
  networkConnectCommand,
  networkDisconnectCommand,
  networkRemoveCommand,
  networkPruneCommand,
  pruneCacheCommand,
  cacheListCommand,
  cacheRemoveCommand,
  cacheExportCommand,
  cacheImportCommand,
  pruneSystemCommand,
  doctorCommand,
  storeCheckCommand,
  diskUsageCommand,
  infoCommand,
  versionCommand,
  versionLineCommand,
];
