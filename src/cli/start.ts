import { main } from './main.js';

/** Entry of the bundle: the exit code is set, not forced, so that output still on its way gets out. */
async function start(args: readonly string[]): Promise<number> {
  if (process.env['STAVE_USER_NAMESPACES'] !== undefined) {
    const { joinUserNamespace } = await import('../user-namespaces.js');
    joinUserNamespace(process.env);
  }
  if (args[0] === '__ended') return atEnd(args.slice(1));
  if (args[0] === '__probe') return probeOnce(args.slice(1));
  if (args[0] !== '__engine') return main(args);
  const { runEngine } = await import('../engine-process.js');
  const stopped = new AbortController();
  // Not `once`: execa's exit handler takes a signal nobody listens to any more for one that shall end us.
  process.on('SIGTERM', () => {
    stopped.abort(new Error('stopped'));
  });
  return runEngine(process.stdin, process.stdout, stopped.signal);
}

/** Run by a container's monitor at its end, with the store's root, the container's id, and `now` to start it again. */
async function atEnd([root = '', id = '', now]: readonly string[]): Promise<number> {
  const { endOf } = await import('../restart.js');
  process.stdout.write(await endOf(root, id, now === 'now' ? now : undefined, process.env));
  return 0;
}

/** Run by a container's checker, with the store's root, the container's id and when it started. */
async function probeOnce([root = '', id = '', started = '']: readonly string[]): Promise<number> {
  const { probe } = await import('../health.js');
  const pause = await probe(root, { id, started }, process.env);
  // What a probe started in the container may hold its output open; nobody waits for that.
  process.stdout.write(pause, () => process.exit(0));
  return 0;
}

void start(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
