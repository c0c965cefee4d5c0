import { finishChanges } from '../../src/cache/mount-changes.js';

/* A process to be killed in the middle: merges what is pending at a cache mount. argv: mount, trash. */
const [mount = '', trash = ''] = process.argv.slice(2);
finishChanges(mount, trash);
