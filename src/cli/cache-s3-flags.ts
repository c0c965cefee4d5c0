import type { S3Cache } from '../model/cache-options.js';
import { BuildError } from '../model/error.js';
import { goDuration } from '../model/go-duration.js';
import { flagOf } from './option-values.js';

/** What `type=s3` takes, as BuildKit names it. */
export const S3_OPTIONS = [
  ...['bucket', 'region', 'prefix', 'manifests_prefix', 'blobs_prefix', 'name', 'endpoint_url'],
  ...['use_path_style', 'access_key_id', 'secret_access_key', 'session_token', 'touch_refresh'],
  ...['upload_parallelism', 'retry_mode', 'retry_max_attempts', 'disable_accept_encoding'],
];

/** Throws BuildError `usage` or `unsupported`. */
export function s3Of(pairs: ReadonlyMap<string, string>): S3Cache {
  checkModes(pairs);
  const texts = {
    bucket: pairs.get('bucket'),
    region: pairs.get('region'),
    endpointUrl: pairs.get('endpoint_url'),
    prefix: pairs.get('prefix'),
    manifestsPrefix: pairs.get('manifests_prefix'),
    blobsPrefix: pairs.get('blobs_prefix'),
    accessKeyId: pairs.get('access_key_id'),
    secretAccessKey: pairs.get('secret_access_key'),
    sessionToken: pairs.get('session_token'),
  };
  const names = pairs.get('name')?.split(';');
  const refresh = pairs.get('touch_refresh');
  const numbers = {
    uploadParallelism: countOf('upload_parallelism', pairs),
    retryMaxAttempts: countOf('retry_max_attempts', pairs),
    touchRefreshMs: refresh === undefined ? undefined : durationOf(refresh),
  };
  const style = flagOf('use_path_style', pairs);
  return {
    type: 's3',
    ...said(texts),
    ...said(numbers),
    ...(names === undefined ? {} : { names }),
    ...(style === undefined ? {} : { usePathStyle: style }),
  };
}

type Said<T> = { [Name in keyof T]?: Exclude<T[Name], undefined> };

/** Without what was not said. */
function said<T extends object>(fields: T): Said<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Said<T>; // The entries of the same object.
}

/** The header that disable_accept_encoding keeps out of signatures is never sent here. */
function checkModes(pairs: ReadonlyMap<string, string>): void {
  flagOf('disable_accept_encoding', pairs);
  const mode = pairs.get('retry_mode') ?? 'standard';
  if (mode === 'standard') return;
  if (mode !== 'adaptive')
    throw new BuildError('usage', 'retry_mode must be "standard" or "adaptive"');
  throw new BuildError('unsupported', 'retry_mode=adaptive is not supported', {
    hint: 'leave it out: requests are sent again with growing delays',
  });
}

function countOf(name: string, pairs: ReadonlyMap<string, string>): number | undefined {
  const text = pairs.get(name);
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new BuildError('usage', `${name} must be a positive integer`);
}

function durationOf(text: string): number {
  const ns = goDuration(text);
  if (ns !== undefined && ns >= 0) return ns / 1e6;
  throw new BuildError('usage', `invalid touch_refresh ${JSON.stringify(text)}`, {
    hint: 'give a duration such as 24h',
  });
}
