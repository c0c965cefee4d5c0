import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { createHttp, type HttpResponse } from '../../src/registry/http.js';
import { proxyFor } from '../../src/registry/proxy.js';
import { startWeb } from '../helpers/web-server.js';

describe('which proxy', () => {
  const env = { HTTP_PROXY: 'http://plain:1', https_proxy: 'https://u:p@tls:2' };
  const host = (url: string, more: NodeJS.ProcessEnv = {}): string | undefined =>
    proxyFor(new URL(url), { ...env, ...more })?.host;

  test('by scheme, upper or lower case, lower first', () => {
    assert.equal(host('http://a/'), 'plain:1');
    assert.equal(host('https://a/'), 'tls:2');
    assert.equal(host('http://a/', { http_proxy: 'lower:3' }), 'lower:3');
    assert.equal(host('http://a/', { http_proxy: '' }), undefined);
    assert.equal(proxyFor(new URL('https://a/'), { HTTP_PROXY: 'http://plain:1' }), undefined);
  });

  test('never to loopback', () => {
    for (const url of ['http://localhost/', 'http://127.1.2.3:5000/', 'https://[::1]/'])
      assert.equal(host(url), undefined);
  });

  for (const [list, direct, proxied] of [
    ['a.test', ['http://a.test/', 'http://x.a.test/'], ['http://ba.test/', 'http://test/']],
    ['.a.test', ['http://x.a.test/'], ['http://a.test/']],
    ['*.a.test', ['http://x.a.test/'], ['http://a.test/']],
    ['b, A.test:8080', ['http://a.test:8080/', 'http://b:1/'], ['http://a.test/']],
    ['a.test:443', ['https://a.test/'], ['http://a.test/']],
    ['10.0.0.0/8,fd00::/8', ['http://10.9.8.7/', 'http://[fd00::1]/'], ['http://11.0.0.1/']],
    ['10.0.0.1', ['http://10.0.0.1:5000/'], ['http://10.0.0.2/']],
    ['10.0.0.0/99,x/8', [], ['http://10.0.0.1/', 'http://x/']],
    ['*', ['http://any/', 'https://any/'], []],
  ] as const) {
    test(`no_proxy ${list}`, () => {
      for (const url of direct) assert.equal(host(url, { no_proxy: list }), undefined, url);
      for (const url of proxied) assert.ok(host(url, { NO_PROXY: list }) !== undefined, url);
    });
  }

  test('what is no address is refused, and not shown: it may hold a password', () => {
    for (const value of ['http://', 'ftp://u:secret@x', 'u:secret@', '://secret'])
      assert.throws(() => host('http://a/', { http_proxy: value }), {
        message: 'HTTP_PROXY is not the address of a proxy',
      });
  });
});

/** A proxy that does `answer` with whatever is asked; how often it was asked. */
async function badProxy(answer: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (data: Buffer) => {
      asked.push(data.toString().split(' HTTP/')[0] ?? '');
      answer(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    host,
    asked,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function ask(proxy: string, url: string): Promise<HttpResponse> {
  const env = { http_proxy: `http://${proxy}`, https_proxy: `http://${proxy}` };
  const http = await createHttp({ env, peer: 'host', connectMs: 300, stallMs: 300 });
  const { signal } = new AbortController();
  return http({ method: 'GET', url: new URL(url), headers: {}, signal });
}

describe('a proxy that refuses', () => {
  const line = (text: string) => (socket: Socket) => void socket.write(text);
  for (const [name, answer, message] of [
    ['502', line('HTTP/1.1 502 Bad Gateway\r\n\r\n'), /answers with status 502$/],
    ['403', line('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno'), /answers with status 403/],
    ['407', line('HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n'), /answers with status 407/],
    ['a closed connection', (socket: Socket) => socket.end(), /closed the connection$/],
    ['a reset', (socket: Socket) => socket.resetAndDestroy(), /cannot be reached: /],
    ['what is not HTTP', line('SSH-2.0-x\r\n\r\n'), /cannot be reached: /],
    ['nothing', () => undefined, /does not answer$/],
    ['half an answer', line('HTTP/1.1 200'), /does not answer$/],
  ] as const) {
    test(`${name} is one error at once, for a tunnel`, async () => {
      await using proxy = await badProxy(answer);
      await assert.rejects(ask(proxy.host, 'https://host.invalid/x'), (error: Error) => {
        assert.match(error.message, message);
        assert.ok(
          error.message.startsWith(`proxy ${proxy.host}, asked for host.invalid:443, `),
          error.message,
        );
        assert.ok('hint' in error && String(error.hint).includes('_PROXY'));
        return true;
      });
      assert.deepEqual(proxy.asked, ['CONNECT host.invalid:443']);
    });
  }

  test('plain http is asked of the proxy itself; one that says nothing, twice', async () => {
    await using proxy = await badProxy(() => undefined);
    await assert.rejects(ask(proxy.host, 'http://host.invalid/x'), /host host.invalid cannot be/);
    const wanted = 'GET http://host.invalid/x';
    assert.deepEqual(proxy.asked, [wanted, wanted]);
  });

  test('a good answer of plain http comes through, a 403 too', async () => {
    await using web = await startWeb(({ url }, response) => {
      response.writeHead(url?.endsWith('/no') === true ? 403 : 200).end('through');
    });
    const good = await ask(web.host, 'http://host.invalid/x');
    assert.equal((await good.bytes(10)).toString(), 'through');
    assert.equal((await ask(web.host, 'http://host.invalid/no')).status, 403);
    assert.deepEqual(web.asked, ['GET http://host.invalid/x', 'GET http://host.invalid/no']);
    assert.equal(web.headers[0]?.host, 'host.invalid');
  });
});
