import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { staveWorld } from '../helpers/stave.js';
import { startWeb, type WebServer } from '../helpers/web-server.js';

const FOUND = [
  { name: 'small', description: 'a\nsmall one', star_count: 3, is_official: false },
  { name: 'big', description: 'x'.repeat(60), star_count: 900, is_official: true },
  { name: 'odd\u001b[2J', description: null, star_count: 'x' },
  'no object',
];

describe('search', () => {
  const world = staveWorld();
  let registry: WebServer;
  let answer: { status: number; text: string };
  before(async () => {
    registry = await startWeb((_request, response) => {
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.text);
    });
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });
  const search = (...args: string[]) => {
    const term = `${registry.host}/web server`;
    return world.start(['search', ...args, term]);
  };

  test('a table, the most stars first; what a registry says is shown as text', async () => {
    answer = { status: 200, text: JSON.stringify({ results: FOUND }) };
    const { stdout, stderr } = await search();
    assert.equal(stderr, '');
    const lines = stdout.split('\n').map((line) => line.trimEnd());
    assert.match(lines[0]!, /^NAME +DESCRIPTION +STARS +OFFICIAL$/);
    assert.match(lines[1]!, /^big +x{44}… +900 +\[OK\]$/);
    assert.match(lines[2]!, /^small +a small one +3$/);
    assert.doesNotMatch(stdout, /\u001b/);
    assert.equal(registry.asked.at(-1), 'GET /v1/search?q=web+server&n=25');
  });

  test('filters, limit, formats', async () => {
    answer = { status: 200, text: JSON.stringify({ results: FOUND }) };
    const names = async (...args: string[]) =>
      (await search('--format', '{{.Name}}', ...args)).stdout;
    assert.equal(await names('-f', 'is-official=true'), 'big\n');
    assert.equal(await names('-f', 'stars=3', '-f', 'is-official=false'), 'small\n');
    await search('--limit', '7');
    assert.equal(registry.asked.at(-1), 'GET /v1/search?q=web+server&n=7');
    const [first = ''] = (await search('--no-trunc', '--format', 'json')).stdout.split('\n');
    assert.equal((JSON.parse(first) as { Description: string }).Description, 'x'.repeat(60));
    assert.match((await search('--limit', '101')).stderr, /outside the range of \[1, 100\]/);
    assert.match((await search('-f', 'stars=x')).stderr, /^ERROR: invalid filter 'stars=x'/);
    assert.match((await search('-f', 'x=y')).stderr, /^ERROR: invalid filter 'x'/);
  });

  const WITHOUT: readonly (readonly [status: number, text: string, wanted: RegExp])[] = [
    [404, 'not found', /offers no search: status 404 to GET \/v1\/search$/m],
    [200, '<html>', /offers no search: no answer of that kind/],
    [200, '{"results":7}', /offers no search/],
    [403, '', /refuses to search: status 403/],
  ];
  for (const [status, text, wanted] of WITHOUT) {
    test(`${String(status)} ${text}`, async () => {
      answer = { status, text };
      const outcome = await search();
      assert.equal(outcome.status, 1);
      assert.match(outcome.stderr, wanted);
    });
  }

  test('a host that is not there', async () => {
    const { status, stderr } = await world.start(['search', '127.0.0.1:1/x']);
    assert.equal(status, 1);
    assert.match(stderr, /^ERROR: .*127\.0\.0\.1:1/);
  });
});
