import {
  type Account,
  checkAccount,
  eraseAccount,
  registryOf,
  storeAccount,
  storedAccount,
} from '../../login.js';
import { BuildError } from '../../model/error.js';
import { type Command, type CommandContext, say } from '../command.js';
import { errorText } from '../print-error.js';
import { promptLine, promptSecret } from '../prompt.js';
import { asError, quietScope, wrongCount } from './images.js';

export const loginCommand: Command = {
  names: ['login'],
  usage: '[OPTIONS] [SERVER]',
  summary: 'Log in to a registry (default: docker.io)',
  flags: [
    {
      name: 'password',
      short: 'p',
      kind: 'text',
      value: 'PASSWORD',
      help: 'Password or access token; - is stdin',
    },
    { name: 'password-stdin', kind: 'bool', help: 'Read it from stdin' },
    { name: 'username', short: 'u', kind: 'text', value: 'USER', help: 'User name' },
  ],
  run: async (context) => {
    const { flags, env, stdout, stderr, signal } = context;
    const domain = registryOf(serverOf(context, 'stave login [OPTIONS] [SERVER]'));
    const given = await givenAccount(context);
    const asked = flags.text('username') === undefined && given.password === '';
    if (asked && (await storedWorks(domain, context))) {
      say(stdout, 'Login Succeeded\n');
      return 0;
    }
    const account = await complete(given, domain, stdout);
    await checkAccount(domain, { kind: 'password', ...account }, env, quietScope(signal));
    const plain = storeAccount(domain, account, env);
    if (plain !== undefined) say(stderr, unencrypted(plain));
    say(stdout, 'Login Succeeded\n');
    return 0;
  },
};

function serverOf(context: CommandContext, usage: string): string | undefined {
  const [server, ...more] = context.flags.rest;
  if (more.length > 0) throw wrongCount(context, 'at most 1 argument', usage);
  return server;
}

/** What the flags say; docker's checks of them. */
async function givenAccount({ flags, stderr }: CommandContext): Promise<Account> {
  const [username, password] = [flags.text('username'), flags.text('password')];
  const fromStdin = flags.bool('password-stdin') || password === '-';
  if (flags.bool('password-stdin') && password !== undefined && password !== '-')
    throw wrong('conflicting options: cannot specify both --password and --password-stdin');
  if (fromStdin && username === undefined)
    throw wrong('the --password-stdin option requires --username to be set');
  if (username === '') throw wrong('username is empty');
  if (password === '') throw wrong('password is empty');
  if (fromStdin) {
    const text = await readStdin();
    if (text.trim() === '') throw wrong('password is empty');
    return { username: username ?? '', password: text };
  }
  if (password !== undefined)
    say(stderr, 'WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n');
  return { username: username ?? '', password: password ?? '' };
}

function wrong(message: string): BuildError {
  return new BuildError('usage', message, {
    hint: 'stave login -u USER --password-stdin SERVER < FILE',
  });
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks)
    .toString()
    .replace(/\r\n$|\n$|\r$/, '');
}

const OTHER_ACCOUNT =
  " Info -> To login with a different account, run 'stave logout' followed by 'stave login'\n";

/** As docker: what is stored is tried before anything is asked. */
async function storedWorks(
  domain: string,
  { env, stderr, signal }: CommandContext,
): Promise<boolean> {
  const stored = storedAccount(domain, env);
  if (stored === undefined) return false;
  const name = stored.kind === 'password' ? ` [Username: ${stored.username}]` : '';
  say(stderr, `Authenticating with existing credentials...${name}\n\n${OTHER_ACCOUNT}\n\n`);
  try {
    await checkAccount(domain, stored, env, quietScope(signal));
    return true;
  } catch (error) {
    if (!(error instanceof BuildError)) throw asError(error);
    const refused = error.code === 'auth';
    say(stderr, refused ? 'Stored credentials invalid or expired\n' : errorText(error));
    return false;
  }
}

async function complete(
  { username, password }: Account,
  domain: string,
  stdout: NodeJS.WriteStream,
): Promise<Account> {
  if (username !== '' && password !== '') return { username, password };
  if (!process.stdin.isTTY)
    throw wrong('cannot perform an interactive login from a non-TTY device');
  if (domain === 'docker.io')
    say(stdout, 'Log in with your user name and a password or personal access token.\n');
  const user = username === '' ? (await promptLine('Username: ', stdout)).trim() : username;
  if (user === '') throw wrong('username is empty');
  const secret = password === '' ? await promptSecret('Password: ', stdout) : password;
  if (secret === '') throw wrong('password is empty');
  return { username: user, password: secret };
}

function unencrypted(file: string): string {
  return [
    `\nWARNING! Your credentials are stored unencrypted in '${file}'.`,
    'Configure a credential helper to remove this warning. See',
    'https://docs.docker.com/go/credential-store/\n\n',
  ].join('\n');
}

export const logoutCommand: Command = {
  names: ['logout'],
  usage: '[SERVER]',
  summary: 'Forget what is stored of a registry (default: docker.io)',
  flags: [],
  run: (context) => {
    const { env, stdout, stderr } = context;
    const server = serverOf(context, 'stave logout [SERVER]');
    const domain = registryOf(server);
    const shown = domain === 'docker.io' ? 'https://index.docker.io/v1/' : domain;
    say(stdout, `Removing login credentials for ${shown}\n`);
    try {
      eraseAccount(domain, env);
    } catch (error) {
      if (!(error instanceof BuildError)) throw asError(error);
      say(stderr, `WARNING: could not erase credentials:\n${shown}: ${error.message}\n`);
    }
    return Promise.resolve(0);
  },
};
