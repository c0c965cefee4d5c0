import type { LayerLog, WrittenEntry } from '../model/stores.js';
import type { LayerFacts } from './layer-digest.js';
import { createLogSink, type LogSink } from './layer-log-sink.js';
import { bytesUnder, wholeSeconds, xattrsOf } from './layer-walk.js';
import type { TarHeader } from './tar.js';

/** Times a tar header and every filesystem hold alike (seconds). */
const LATEST = 0x7fff_ffffn * 1_000_000_000n;

export interface KeptLayerLog extends LayerLog {
  /** The facts of what was told; undefined when the directory must be read. */
  readonly facts: () => Promise<LayerFacts | undefined>;
  /** Ends the work without a result. */
  readonly close: () => void;
}

/**
 * Computes a layer's facts in a worker while the layer is written, so that a large one is not read again afterwards.
 * It gives up (and the directory is read) on anything but a plain sequence in the order of the tar.
 */
export function createLayerLog(
  root: string,
  known: ReadonlyMap<string, string>,
  openSink: () => LogSink = createLogSink,
): KeptLayerLog {
  let pending: WrittenEntry | undefined;
  let last = '';
  let sink: LogSink | undefined;
  let dropped = false;
  const drop = (): void => {
    dropped = true;
    sink?.close();
    sink = undefined;
  };
  const flush = (): void => {
    if (pending === undefined) return;
    const key = orderKey(pending.path);
    if (key <= last || pending.mtimeNs < 0n || pending.mtimeNs > LATEST) {
      drop();
      return;
    }
    last = key;
    sink ??= openSink();
    const hex = pending.type === 'file' ? known.get(pending.path) : '';
    sink.add(headerOf(root, pending), hex, pending);
    pending = undefined;
  };
  return {
    drop,
    close: drop,
    put: (entry) => {
      if (dropped) return;
      if (pending?.path !== entry.path) flush();
      pending = entry.complete === true ? entry : keepContent(entry);
      // A large file is hashed while it is copied.
      if (entry.complete === true) flush();
    },
    change: (path, part) => {
      if (dropped) return;
      if (pending?.path === path) pending = { ...pending, ...part };
      else drop();
    },
    facts: () => {
      if (!dropped) flush();
      const told = sink;
      sink = undefined; // It is not closed any more.
      return told === undefined ? Promise.resolve(undefined) : told.finish();
    },
  };
}

/** Strings that compare as paths stand in a tar: a directory before its children, siblings by bytes. */
function orderKey(path: string): string {
  return path.replaceAll('/', '\0');
}

/** The caller's buffer is used again for the next file. */
function keepContent(entry: WrittenEntry): WrittenEntry {
  return entry.content === undefined ? entry : { ...entry, content: Buffer.from(entry.content) };
}

function headerOf(root: string, entry: WrittenEntry): TarHeader {
  const { path, type, mode, uid, gid, size, linkname, devmajor, devminor } = entry;
  const xattrs = entry.xattrs === true ? xattrsOf(bytesUnder(root, path)) : undefined;
  return {
    name: path,
    type,
    mode,
    uid,
    gid,
    size,
    mtimeNs: wholeSeconds(entry.mtimeNs),
    ...(linkname === undefined ? {} : { linkname }),
    ...(devmajor === undefined ? {} : { devmajor, devminor: devminor ?? 0 }),
    ...(xattrs === undefined ? {} : { xattrs }),
  };
}
