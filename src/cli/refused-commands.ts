import { BuildError } from '../model/error.js';

const SWARM = ['swarm mode is not supported', 'a machine alone: stave run -d --restart=always'];
const CONTEXTS = [
  'there is no daemon to have contexts of',
  'STAVE_ROOT names another store; stave context ls shows a build context',
];
const HISTORY =
  'stave history inspect --format json, logs and trace write what is known of a build';
const BUILDERS = ['there is one builder, and no daemon to manage', 'stave build uses it'];

/** docker's commands that cannot be had here: why, and what there is instead. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    ['swarm', 'node', 'service', 'stack', 'secret', 'config'].map((name) => [name, SWARM]),
  ),
  'volume update': ['only volumes of a swarm can be updated', 'stave volume create makes another'],
  plugin: ['there is no daemon to have plugins', 'volumes and networks are built in'],
  trust: ['content trust is not supported', 'name an image by its digest: NAME@sha256:...'],
  checkpoint: [
    'processes cannot be saved',
    'stave commit keeps a filesystem, stave pause holds processes',
  ],
  compose: ['compose files are not supported', 'stave run and stave network, one by one'],
  bake: ['bake files are not supported', 'stave build builds one target'],
  'buildx bake': ['bake files are not supported', 'stave build builds one target'],
  'buildx du': ['it is part of another command', 'stave system df -v'],
  'buildx history export': ['it is a file of Docker Desktop', HISTORY],
  'buildx history import': ['it is a file of Docker Desktop', HISTORY],
  'buildx history open': ['there is no Docker Desktop to show it', HISTORY],
  'buildx imagetools': ['it is not supported', 'stave manifest makes and shows indexes'],
  'buildx version': ['it is part of another command', 'stave version'],
  ...Object.fromEntries(
    ['create', 'use', 'ls', 'inspect', 'stop', 'rm', 'install', 'uninstall', 'debug', 'dap']
      .concat('policy', 'dial-stdio')
      .map((name) => [`buildx ${name}`, BUILDERS]),
  ),
  ...Object.fromEntries(
    ['create', 'use', 'inspect', 'export', 'import', 'rm', 'show', 'update'].map((name) => [
      `context ${name}`,
      CONTEXTS,
    ]),
  ),
  'system dial-stdio': ['there is no daemon to speak to', 'run stave itself by ssh'],
};

/** The error of a command that docker has; undefined for one that nobody has. */
export function refusedCommand(args: readonly string[]): BuildError | undefined {
  for (const words of [3, 2, 1]) {
    const name = args.slice(0, words).join(' ');
    const found = Object.hasOwn(REFUSED, name) ? REFUSED[name] : undefined;
    if (found === undefined || args.length < words) continue;
    const [why = '', hint = ''] = found;
    return new BuildError('unsupported', `stave ${name} is not supported: ${why}`, { hint });
  }
  return undefined;
}
