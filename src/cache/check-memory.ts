import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, hexOf } from '../model/digest.js';
import { namesIn } from './names-in.js';
import { readRecord } from './record-file.js';
import { isWholeStatCache } from './stat-cache.js';
import type { Store } from './store.js';
import type { Checked, StoreProblem } from '../model/store-problem.js';
import { takeOut } from './take-out.js';

const REMEDY = 'none is needed: it counts as not there, and is made anew';

/** Everything that is remembered begins with a checksum, or has one as its name. */
export function checkRecords(store: Store): Checked {
  const problems: StoreProblem[] = [];
  const records = store.path('records');
  let count = 0;
  for (const kind of namesIn(records)) {
    for (const part of namesIn(join(records, kind))) {
      for (const name of namesIn(join(records, kind, part))) {
        const file = join(records, kind, part, name);
        count++;
        if (isWhole(kind, `${part}${name}`, file)) continue;
        problems.push(torn(store, `record ${kind}/${part}/${name}`, file));
      }
    }
  }
  return { kind: 'records', count, problems };
}

function isWhole(kind: string, key: string, file: string): boolean {
  if (kind !== 'uses') return readRecord(file) !== undefined;
  const [line = '', pluses = ''] = readFileSync(file, 'latin1').split('\n');
  return hexOf(digestOf(line)) === key && /^\+*$/.test(pluses);
}

export function checkContexts(store: Store): Checked {
  const names = namesIn(store.path('contexts'));
  const problems = names
    .map((name) => [name, store.path('contexts', name)] as const)
    .filter(([, file]) => !isWholeStatCache(file))
    .map(([name, file]) => torn(store, `what is known of context ${name}`, file));
  return { kind: 'contexts', count: names.length, problems };
}

function torn(store: Store, what: string, file: string): StoreProblem {
  const fix = (): void => {
    takeOut(store, file);
  };
  return { what, problem: 'its bytes are not those that were written', remedy: REMEDY, fix };
}
