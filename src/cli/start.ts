import { main } from './main.js';

/** Entry of the bundle: the exit code is set, not forced, so that output still on its way gets out. */
async function start(args: readonly string[]): Promise<number> {
  if (args[0] !== '__engine') return main(args);
  const { runEngine } = await import('../engine-process.js');
  const stopped = new AbortController();
  // Not `once`: execa's exit handler takes a signal nobody listens to any more for one that shall end us.
  process.on('SIGTERM', () => {
    stopped.abort(new Error('stopped'));
  });
  return runEngine(process.stdin, process.stdout, stopped.signal);
}

void start(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
