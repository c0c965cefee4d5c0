import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server in front of another that does what networks do. */
export interface RoughProxy extends AsyncDisposable {
  readonly url: string;
  readonly hosts: Set<string>;
  /** Says of all objects that they are years old. */
  ages: boolean;
  /** Never answers such a request, `METHOD PATH?QUERY`. */
  stalls: RegExp | undefined;
  /** Cuts the next download that is longer than this. */
  cutAfter: number | undefined;
}

/** Passes on to a server what names it as its proxy or as itself. */
export async function roughProxy(target: string): Promise<RoughProxy> {
  const state = {
    hosts: new Set<string>(),
    ages: false,
    stalls: undefined as RegExp | undefined,
    cutAfter: undefined as number | undefined,
  };
  const server = createServer((incoming, outgoing) => {
    const { method, headers } = incoming;
    const { pathname, search, host } = new URL(incoming.url ?? '/', `http://${headers.host ?? ''}`);
    state.hosts.add(host);
    if (state.stalls?.test(`${method ?? ''} ${pathname}${search}`) === true) return;
    const passed = send(`${target}${pathname}${search}`, { method, headers }, (answer) => {
      const old = state.ages ? { 'last-modified': new Date(0).toUTCString() } : {};
      outgoing.writeHead(answer.statusCode ?? 500, { ...answer.headers, ...old });
      const length = Number(answer.headers['content-length'] ?? 0);
      const cut = state.cutAfter !== undefined && length > state.cutAfter;
      if (method === 'HEAD') outgoing.end();
      else if (!cut) answer.pipe(outgoing);
      else {
        state.cutAfter = undefined;
        answer.once('data', (first: Buffer) => {
          outgoing.write(first, () => outgoing.destroy());
          answer.destroy();
        });
      }
    });
    // Swift ends its refusal of a HEAD with a chunk that has no business there.
    passed.on('error', () => outgoing.end());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${String(port)}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
