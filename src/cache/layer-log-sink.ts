import type { Worker } from 'node:worker_threads';
import type { WrittenEntry } from '../model/stores.js';
import type { LayerFacts } from './layer-digest.js';
import type { LoggedBatch, LoggedEntry } from './layer-stream.js';
import { threadResult, SMALL_LAYER, startLayerThread } from './layer-thread.js';
import type { TarHeader } from './tar.js';

/** Where a layer log's entries go. */
export interface LogSink {
  readonly add: (header: TarHeader, hex: string | undefined, entry: WrittenEntry) => void;
  /** Undefined when there was too little for a worker, or a source changed under it. */
  readonly finish: () => Promise<LayerFacts | undefined>;
  readonly close: () => void;
}

const BATCH_BYTES = 1 << 20;
const BATCH_ENTRIES = 500;
/** Contents that wait for the worker; beyond, it reads the files itself. */
const MAX_WAITING = 64 << 20;

/** Sends entries to a worker thread, in batches; the first of them only when the layer turns out to be large. */
export function createLogSink(small = SMALL_LAYER): LogSink {
  const done = new Float64Array(new SharedArrayBuffer(8));
  let worker: Worker | undefined;
  let held: LoggedBatch[] = [];
  let batch = new Batch();
  const total = { entries: 0, bytes: 0, sent: 0 };
  const send = (): void => {
    held.push(batch.take());
    batch = new Batch();
    const large = total.entries > small.entries || total.bytes > small.bytes;
    if (worker === undefined && !large) return;
    worker ??= startLayerThread({ done });
    for (const each of held) {
      total.sent += each.arena.length;
      worker.postMessage(each, [each.arena.buffer as ArrayBuffer]); // Made by Batch, not shared.
    }
    held = [];
  };
  return {
    add: (header, hex, entry) => {
      total.entries++;
      total.bytes += header.size;
      const waiting = total.sent - (done[0] ?? 0);
      const content = waiting < MAX_WAITING ? entry.content : undefined;
      if (content !== undefined && !batch.fits(content)) send();
      batch.add(header, hex, { ...entry, content });
      if (batch.isFull()) send();
    },
    finish: () => {
      send();
      if (worker === undefined) return Promise.resolve(undefined);
      worker.postMessage('end');
      return threadResult<LayerFacts>(worker);
    },
    close: () => {
      void worker?.terminate();
    },
  };
}

type Content = Pick<WrittenEntry, 'source' | 'mtimeNs'> & {
  readonly content: Uint8Array | undefined;
};

class Batch {
  /** Made for the first content: most layers have few. */
  #arena: Uint8Array | undefined;
  readonly #entries: LoggedEntry[] = [];
  #used = 0;
  #bytes = 0;

  fits(content: Uint8Array): boolean {
    return this.#used + content.length <= BATCH_BYTES;
  }

  /** A large file goes at once: it is read while it is copied. */
  isFull(): boolean {
    return this.#bytes >= BATCH_BYTES || this.#entries.length >= BATCH_ENTRIES;
  }

  add(header: TarHeader, hex: string | undefined, { content, source, mtimeNs }: Content): void {
    this.#bytes += header.size;
    const known = { header, mtimeNs, ...(hex === undefined ? {} : { hex }) };
    if (content !== undefined) {
      this.#arena ??= new Uint8Array(BATCH_BYTES);
      this.#arena.set(content, this.#used);
      this.#entries.push({ ...known, at: this.#used });
      this.#used += content.length;
    } else this.#entries.push(source === undefined ? known : { ...known, source });
  }

  take(): LoggedBatch {
    return { entries: this.#entries, arena: this.#arena?.slice(0, this.#used) ?? new Uint8Array() };
  }
}
