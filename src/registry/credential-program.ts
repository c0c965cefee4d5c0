import { spawnSync } from 'node:child_process';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

export type HelperVerb = 'get' | 'store' | 'erase';

/** Runs `docker-credential-NAME VERB`; undefined when it says that it has no such credentials. Throws BuildError `auth`. */
export function askHelper(
  name: string,
  verb: HelperVerb,
  input: { readonly server: string; readonly text: string },
  env: NodeJS.ProcessEnv,
): string | undefined {
  if (!NAME.test(name)) {
    throw new BuildError('auth', `${JSON.stringify(name)} is no name of a credential helper`, {
      hint: "docker's config.json names it: letters, digits, '-', '_' and '.' only",
    });
  }
  const given =
    env['STAVE_EXTRA_CA_CERTS'] === undefined
      ? env
      : { ...env, NODE_EXTRA_CA_CERTS: env['STAVE_EXTRA_CA_CERTS'] };
  const run = spawnSync(`docker-credential-${name}`, [verb], {
    input: input.text,
    env: given,
    encoding: 'utf8',
    timeout: 30_000,
  });
  // EPIPE: it did not read the server's name; its exit tells.
  if (run.error !== undefined && !hasCode(run.error, 'EPIPE')) {
    throw new BuildError('auth', `docker-credential-${name} cannot be run: ${run.error.message}`, {
      hint: "docker's config.json names it as a credential helper",
    });
  }
  if (run.status === 0) return run.stdout;
  if (/credentials not found/i.test(run.stdout)) return undefined;
  const doing = verb === 'get' ? '' : ` to ${verb} credentials`;
  throw new BuildError('auth', `docker-credential-${name} failed${doing} for ${input.server}`);
}
