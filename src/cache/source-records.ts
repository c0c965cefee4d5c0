import type { Digest } from '../model/digest.js';
import { fannedPath, readRecord, writeRecord } from './record-file.js';

/** What a server last said of a URL: what it is asked again with. */
export interface SourceRecord {
  readonly etag?: string;
  /** As the server wrote it. */
  readonly lastModified?: string;
  /** sha256 of the bytes. */
  readonly digest: Digest;
  /** Other checksums the bytes were found to have, `sha512:<hex>`. */
  readonly checksums: readonly string[];
}

/** Memory of remote sources, under any digest of the URL and what it is asked with. Derived: may be thrown away. */
export interface SourceRecords {
  readonly get: (key: Digest) => SourceRecord | undefined;
  readonly put: (key: Digest, record: SourceRecord) => void;
}

export function createSourceRecords(directory: string, passing: string): SourceRecords {
  const path = (key: Digest): string => fannedPath(directory, 'sources', key);
  return {
    get: (key) => readRecord(path(key)) as SourceRecord | undefined,
    put: (key, record) => writeRecord(path(key), record, passing),
  };
}
