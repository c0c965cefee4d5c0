import { BuildError } from '../../model/error.js';
import type { SshSource } from '../../model/run-settings.js';

/** `--ssh default`, `--ssh ID=SOCKET`, `--ssh ID=KEY[,KEY]`; without a path it is the agent of SSH_AUTH_SOCK. */
export function sshOf(values: readonly string[], env: NodeJS.ProcessEnv): SshSource[] {
  return values.map((text) => {
    const cut = text.indexOf('=');
    const id = cut === -1 ? text : text.slice(0, cut);
    if (!/^[\w.-]+$/.test(id))
      throw new BuildError('usage', `invalid --ssh ${JSON.stringify(text)}`, {
        hint: 'write --ssh default, --ssh ID=SOCKET or --ssh ID=KEY[,KEY]',
      });
    const paths =
      cut === -1
        ? []
        : text
            .slice(cut + 1)
            .split(',')
            .filter((path) => path !== '');
    const option = paths.find((path) => /^[a-z]+=/.test(path));
    if (option !== undefined)
      throw new BuildError('unsupported', `--ssh option ${option} is not supported`);
    return { id, paths: paths.length > 0 ? paths : [agentSocket(env)] };
  });
}

function agentSocket(env: NodeJS.ProcessEnv): string {
  const socket = env['SSH_AUTH_SOCK'];
  if (socket !== undefined && socket !== '') return socket;
  throw new BuildError('usage', 'invalid empty ssh agent socket', {
    hint: 'start an agent so that SSH_AUTH_SOCK is set, or name a socket or key: --ssh default=PATH',
  });
}
