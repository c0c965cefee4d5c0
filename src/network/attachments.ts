import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../cache/durable.js';
import { hasCode } from '../model/has-code.js';
import type { Attachment } from '../model/network.js';
import { makeDeep } from '../sys/make-deep.js';

/**
 * What containers have on the host, a file each (`networks/attached/<container>.json`): written before anything is set
 * up and removed after all of it is taken down, so that a kill in between leaves something to find.
 */
export interface Attachments {
  readonly ids: () => readonly string[];
  /** Undefined when there is none, or it is of before a reboot: then nothing is left to take down. */
  readonly read: (container: string) => Attachment | undefined;
  readonly list: () => readonly Attachment[];
  readonly write: (attachment: Attachment) => void;
  readonly remove: (container: string) => void;
}

/** `temporary`: on the same file system, and swept when we are killed. */
export function createAttachments(directory: string, temporary: () => string): Attachments {
  const path = (container: string): string => join(directory, `${container}.json`);
  const ids = (): readonly string[] =>
    namesIn(directory).flatMap((name) => /^([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? []);
  const remove = (container: string): void => {
    rmSync(path(container), { force: true });
  };
  const read = (container: string): Attachment | undefined => {
    const found = readAttachment(path(container));
    if (found?.boot === bootId()) return found;
    if (found !== undefined) remove(container);
    return undefined;
  };
  return {
    ids,
    read,
    list: () => ids().flatMap((id) => read(id) ?? []),
    write: (attachment) => {
      makeDeep(directory, 0o700);
      replaceFile(path(attachment.container), JSON.stringify(attachment), temporary());
    },
    remove,
  };
}

let boot: string | undefined;

export function bootId(): string {
  return (boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

function readAttachment(file: string): Attachment | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Attachment; // Written whole by replaceFile.
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
