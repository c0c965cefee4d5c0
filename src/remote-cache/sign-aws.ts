import { createRequire } from 'node:module';
import type * as Aws4 from 'aws4';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface AwsRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** sha256 of the body, in hex. */
  readonly hash: string;
}

/** The headers of a request, signed (AWS Signature Version 4). */
export function signAws(
  { method, url, headers, hash }: AwsRequest,
  credentials: AwsCredentials,
  region: string,
): Record<string, string> {
  const { sign } = createRequire(import.meta.url)('aws4') as typeof Aws4;
  const signed = sign(
    {
      ...{ method, region, service: 's3', host: url.host },
      path: `${url.pathname}${url.search}`,
      headers: { ...headers, host: url.host, 'x-amz-content-sha256': hash },
    },
    credentials,
  );
  const { host: _host, ...rest } = signed.headers as Record<string, string>; // As given, and what signing adds.
  return rest;
}
