import { lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { copyEntry, copyFacts } from './change-layer.js';

/** Copies a directory with all that is in it: owners, modes, times, capabilities, hard links, devices. */
export function copyTree(from: Buffer, to: Buffer, links = new Map<string, Buffer>()): void {
  mkdirSync(to, { mode: 0o700 });
  for (const name of readdirSync(from, { encoding: 'buffer' })) {
    const [source, target] = [below(from, name), below(to, name)];
    if (lstatSync(source).isDirectory()) copyTree(source, target, links);
    else copyEntry(source, target, links);
  }
  copyFacts(from, to);
}

function below(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, Buffer.from('/'), name]);
}
