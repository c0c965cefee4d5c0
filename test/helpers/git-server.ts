import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { startWeb, type WebServer } from './web-server.js';

const IDENTITY = {
  ...{ GIT_AUTHOR_NAME: 'test', GIT_AUTHOR_EMAIL: 'test@example.com' },
  ...{ GIT_COMMITTER_NAME: 'test', GIT_COMMITTER_EMAIL: 'test@example.com' },
  ...{ GIT_AUTHOR_DATE: '2020-02-02T02:02:02Z', GIT_COMMITTER_DATE: '2020-02-02T02:02:02Z' },
  ...{ GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
};

/** Runs git in a repository of the test, and gives what it prints. */
export function git(directory: string, ...args: readonly string[]): string {
  const env = { PATH: process.env['PATH'], HOME: '/dev/null', ...IDENTITY };
  const options = ['-c', 'protocol.file.allow=always', '-c', 'commit.gpgSign=false'];
  return execFileSync('git', ['-C', directory, ...options, ...args], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

export function newRepository(directory: string, ...options: readonly string[]): string {
  mkdirSync(directory, { recursive: true });
  git(directory, 'init', '--quiet', '--initial-branch=main', ...options);
  return directory;
}

/** Repositories below `root`, by git's own http-backend; `dumb` serves their files alone. */
export function startGitServer(
  root: string,
  options: { readonly dumb?: boolean; readonly password?: string } = {},
): Promise<WebServer> {
  return startWeb((request, response) => {
    if (options.password !== undefined && !hasPassword(request, options.password)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    if (options.dumb === true) serveFile(root, request, response);
    else serveGit(root, request, response);
  });
}

function hasPassword({ headers }: IncomingMessage, password: string): boolean {
  const sent = Buffer.from((headers.authorization ?? '').replace(/^basic /i, ''), 'base64');
  return sent.toString().endsWith(`:${password}`);
}

function serveFile(root: string, { url = '' }: IncomingMessage, response: ServerResponse): void {
  const file = join(root, new URL(url, 'http://x').pathname);
  if (existsSync(file) && statSync(file).isFile()) response.end(readFileSync(file));
  else response.writeHead(404).end();
}

/** CGI (RFC 3875) as far as git-http-backend speaks it. */
function serveGit(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '', 'http://x');
  const { headers } = request;
  const backend = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  backend.stdin.on('error', () => undefined);
  request.pipe(backend.stdin);
  const chunks: Buffer[] = [];
  backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  backend.on('close', () => {
    const bytes = Buffer.concat(chunks);
    const end = bytes.indexOf('\r\n\r\n');
    const fields = bytes
      .toString('latin1', 0, end)
      .split('\r\n')
      .map((line) => line.split(': ', 2) as [string, string]);
    const status = fields.find(([name]) => name === 'Status')?.[1];
    for (const [name, value] of fields) if (name !== 'Status') response.setHeader(name, value);
    response.writeHead(status === undefined ? 200 : parseInt(status, 10));
    response.end(bytes.subarray(end + 4));
  });
}
