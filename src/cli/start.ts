import { main } from './main.js';

/** Entry of the bundle: the exit code is set, not forced, so that output still on its way gets out. */
async function start(args: readonly string[]): Promise<number> {
  if (process.env['STAVE_USER_NAMESPACES'] !== undefined) {
    const { joinUserNamespace } = await import('../user-namespaces.js');
    joinUserNamespace(process.env);
  }
  if (args[0] === '__reap') return reap(args[1] ?? '');
  if (args[0] !== '__engine') return main(args);
  const { runEngine } = await import('../engine-process.js');
  const stopped = new AbortController();
  // Not `once`: execa's exit handler takes a signal nobody listens to any more for one that shall end us.
  process.on('SIGTERM', () => {
    stopped.abort(new Error('stopped'));
  });
  return runEngine(process.stdin, process.stdout, stopped.signal);
}

/** Run by a container's monitor at its end: what is to be removed is removed as containers are listed. */
async function reap(root: string): Promise<number> {
  const { openWorkshop } = await import('../workshop.js');
  await using workshop = openWorkshop(root, process.env);
  workshop.containers.list();
  return 0;
}

void start(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
