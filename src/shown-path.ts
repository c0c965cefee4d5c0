import { relative } from 'node:path';

/** As short as it is unambiguous: relative when it is below the working directory. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
