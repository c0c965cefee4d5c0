import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';
import type { AwsCredentials } from './sign-aws.js';

interface Home {
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
}

/** What of a profile needs a program or a browser. */
const OTHER_WAYS = ['role_arn', 'credential_process', 'sso_session', 'sso_start_url'];

/** Keys of the profile that AWS_PROFILE names, else of `default`; undefined when there is none. */
export function readProfile({ env, home }: Home): AwsCredentials | undefined {
  const wanted = env['AWS_PROFILE'] ?? '';
  const name = wanted === '' ? 'default' : wanted;
  const credentials = env['AWS_SHARED_CREDENTIALS_FILE'] ?? join(home, '.aws/credentials');
  const config = env['AWS_CONFIG_FILE'] ?? join(home, '.aws/config');
  const fields = new Map([
    ...sectionOf(config, name === 'default' ? 'default' : `profile ${name}`),
    ...sectionOf(credentials, name),
  ]);
  const [id, secret, token] = [
    'aws_access_key_id',
    'aws_secret_access_key',
    'aws_session_token',
  ].map((key) => fields.get(key));
  if (id !== undefined && secret !== undefined)
    return {
      accessKeyId: id,
      secretAccessKey: secret,
      ...(token === undefined ? {} : { sessionToken: token }),
    };
  const other = OTHER_WAYS.find((key) => fields.has(key));
  if (other === undefined && wanted === '') return undefined;
  const why = other === undefined ? 'has no keys' : `has ${other}, which needs the aws program`;
  throw new BuildError('auth', `AWS profile ${JSON.stringify(name)} ${why}`, {
    hint: 'put its keys into the environment: eval "$(aws configure export-credentials --format env)"',
  });
}

function sectionOf(file: string, section: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let inside = false;
  for (const line of linesOf(file)) {
    const head = /^\s*\[\s*(.*?)\s*\]/.exec(line);
    if (head !== null) inside = head[1]?.replace(/\s+/g, ' ') === section;
    const pair = inside ? /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/i.exec(line) : null;
    if (pair?.[1] !== undefined) fields.set(pair[1].toLowerCase(), pair[2] ?? '');
  }
  return fields;
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw new BuildError('auth', `${file} cannot be read: ${(error as Error).message}`);
  }
}
