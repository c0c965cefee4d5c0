import { readFileSync } from 'node:fs';
import { BuildError } from '../model/error.js';
import { isLoopback } from '../registry/address.js';
import { createHttp, type Http } from '../registry/http.js';
import { readProfile } from './aws-profile.js';
import type { AwsCredentials } from './sign-aws.js';

export interface CredentialSources {
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly region: string;
  readonly signal: AbortSignal;
}

/** Credentials, and when others have to be asked for (milliseconds since the epoch). */
interface Lent {
  readonly credentials: AwsCredentials;
  readonly until: number;
}

const EARLY_MS = 5 * 60_000;
const FOR_EVER = Infinity;

/**
 * Where the AWS SDKs look, in their order: the environment, a web identity (Kubernetes, GitHub), the shared files, the
 * container's and the machine's own. What is lent for a time is asked for again before it ends.
 */
export function awsCredentials(
  given: Partial<AwsCredentials>,
): (sources: CredentialSources) => Promise<AwsCredentials> {
  let lent: Promise<Lent> | undefined;
  return async (sources) => {
    const known = await lent;
    if (known !== undefined && known.until - EARLY_MS > Date.now()) return known.credentials;
    lent = find(given, sources);
    lent.catch(() => (lent = undefined));
    return (await lent).credentials;
  };
}

async function find(given: Partial<AwsCredentials>, sources: CredentialSources): Promise<Lent> {
  const { env } = sources;
  const fixed =
    whole(given.accessKeyId, given.secretAccessKey, given.sessionToken) ??
    whole(env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY'], env['AWS_SESSION_TOKEN']);
  if (fixed !== undefined) return { credentials: fixed, until: FOR_EVER };
  const identity = await webIdentity(sources);
  if (identity !== undefined) return identity;
  const profile = readProfile(sources);
  if (profile !== undefined) return { credentials: profile, until: FOR_EVER };
  const found = (await ofContainer(sources)) ?? (await ofMachine(sources));
  if (found !== undefined) return found;
  throw new BuildError('auth', 'there are no AWS credentials for the s3 cache', {
    hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role',
  });
}

function whole(id?: string, secret?: string, token?: string): AwsCredentials | undefined {
  if (id === undefined || id === '' || secret === undefined || secret === '') return undefined;
  const session = token === undefined || token === '' ? {} : { sessionToken: token };
  return { accessKeyId: id, secretAccessKey: secret, ...session };
}

/** AssumeRoleWithWebIdentity: the token is the proof, nothing is signed. */
async function webIdentity({ env, region, signal }: CredentialSources): Promise<Lent | undefined> {
  const { AWS_WEB_IDENTITY_TOKEN_FILE: file = '', AWS_ROLE_ARN: role = '' } = env;
  if (file === '' || role === '') return undefined;
  const url = new URL(env['AWS_ENDPOINT_URL_STS'] ?? `https://sts.${region}.amazonaws.com/`);
  const form = new URLSearchParams({
    ...{ Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', RoleArn: role },
    RoleSessionName: env['AWS_ROLE_SESSION_NAME'] ?? 'stave',
    WebIdentityToken: textOf(file, 'AWS_WEB_IDENTITY_TOKEN_FILE').trim(),
  });
  const http = await createHttp({ env, peer: 'host' });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const response = await http({ method: 'POST', url, headers, body: form.toString(), signal });
  const text = (await response.bytes(MAX_ANSWER)).toString();
  const field = (name: string): string | undefined =>
    new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
  const credentials = whole(field('AccessKeyId'), field('SecretAccessKey'), field('SessionToken'));
  if (response.status === 200 && credentials !== undefined)
    return { credentials, until: endOf(field('Expiration')) };
  throw refused(`role ${role}`, field('Message') ?? `status ${String(response.status)}`);
}

const MAX_ANSWER = 1 << 20;
const CONTAINER_HOST = 'http://169.254.170.2';
/** EKS pod identity. */
const POD_HOSTS = ['169.254.170.2', '169.254.170.23', '[fd00:ec2::23]'];

/** ECS, EKS pod identity and their like. */
async function ofContainer({ env, signal }: CredentialSources): Promise<Lent | undefined> {
  const relative = env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'] ?? '';
  const full = env['AWS_CONTAINER_CREDENTIALS_FULL_URI'] ?? '';
  if (relative === '' && full === '') return undefined;
  const url = new URL(relative === '' ? full : `${CONTAINER_HOST}${relative}`);
  // As the SDKs: what is sent there is a token, so it goes to nobody else in the clear.
  if (url.protocol !== 'https:' && !isLoopback(url.hostname) && !POD_HOSTS.includes(url.hostname))
    throw refused('AWS_CONTAINER_CREDENTIALS_FULL_URI', `${url.host} is not the container's own`);
  const file = env['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'] ?? '';
  const token =
    file === ''
      ? env['AWS_CONTAINER_AUTHORIZATION_TOKEN']
      : textOf(file, 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE').trim();
  const http = await createHttp({ env: {}, peer: 'host', connectMs: 2000 });
  const headers: Record<string, string> = token === undefined ? {} : { authorization: token };
  return lentBy(http, { url, headers, signal, what: 'the container' });
}

/** Nobody answers where there is no such machine: it must not cost more than a moment. */
const METADATA_MS = 1000;

/** The instance metadata service, version 2: a token first. */
async function ofMachine({ env, signal }: CredentialSources): Promise<Lent | undefined> {
  if (/^true$/i.test(env['AWS_EC2_METADATA_DISABLED'] ?? '')) return undefined;
  const base = env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] ?? 'http://169.254.169.254';
  const limits = { connectMs: METADATA_MS, stallMs: METADATA_MS, tries: 1 };
  const http = await createHttp({ env: {}, peer: 'host', ...limits });
  const at = (path: string): URL => new URL(`/latest/${path}`, base);
  const ttl = { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' };
  const answer = await http({ method: 'PUT', url: at('api/token'), headers: ttl, signal }).catch(
    (error: unknown) => {
      if (!(error instanceof BuildError)) throw error;
      return undefined;
    },
  );
  if (answer === undefined) return undefined;
  const token = (await answer.bytes(MAX_ANSWER)).toString();
  if (answer.status !== 200) return undefined;
  const headers = { 'x-aws-ec2-metadata-token': token };
  const roles = 'meta-data/iam/security-credentials/';
  const list = await http({ method: 'GET', url: at(roles), headers, signal });
  const role = (await list.bytes(MAX_ANSWER)).toString().trim().split('\n')[0] ?? '';
  if (list.status !== 200 || role === '') return undefined;
  const url = at(`${roles}${encodeURIComponent(role)}`);
  return lentBy(http, { url, headers, signal, what: `role ${role} of this machine` });
}

interface Asked {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly what: string;
}

async function lentBy(http: Http, { what, ...request }: Asked): Promise<Lent> {
  const response = await http({ method: 'GET', ...request });
  const text = (await response.bytes(MAX_ANSWER)).toString();
  const fields = response.status === 200 ? jsonOf(text) : {};
  const field = (name: string): string | undefined => {
    const value = fields[name];
    return typeof value === 'string' ? value : undefined;
  };
  const credentials = whole(field('AccessKeyId'), field('SecretAccessKey'), field('Token'));
  if (credentials !== undefined) return { credentials, until: endOf(field('Expiration')) };
  throw refused(what, `status ${String(response.status)}`);
}

function jsonOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>; // Fields of anything but null can be asked for.
  } catch {
    return {};
  }
}

function endOf(time: string | undefined): number {
  const end = Date.parse(time ?? '');
  return Number.isNaN(end) ? FOR_EVER : end;
}

function textOf(file: string, variable: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw refused(variable, `${file} cannot be read: ${(error as Error).message}`);
  }
}

function refused(what: string, why: string): BuildError {
  return new BuildError('auth', `no AWS credentials from ${what}: ${why}`);
}
