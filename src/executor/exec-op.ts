import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureLayers } from '../cache/ensure-layers.js';
import { hostPath, resolveInside, type SourceTree, toBytes, toText } from '../cache/source-tree.js';
import { mergedView } from '../cache/merged-view.js';
import { BuildError } from '../model/error.js';
import type { ExecSpec, Vertex } from '../model/graph.js';
import type { KeyPart, Op } from '../model/op.js';
import type { BindMount, ExitStatus } from '../model/process.js';
import type { Scope } from '../model/scope.js';
import type { ActiveLayer, Snapshot } from '../model/stores.js';
import { hostsFile, resolvConf } from '../runtime/network-files.js';
import { userFiles } from '../cache/user-files.js';
import { resolveUser } from '../runtime/users.js';
import { inlineParts } from './inline-files.js';
import { LogTail } from './log-tail.js';
import { part } from './parts.js';
import type { ExecutorDeps } from './executor-deps.js';
import { UpperWriter } from './upper-writer.js';

/** The name BuildKit gives its sandboxes. */
const HOSTNAME = 'buildkitsandbox';

/** RUN: one process in a container on top of the root; what it changed is the layer. */
export function execOp(spec: ExecSpec, vertex: Vertex, deps: ExecutorDeps): Op<Snapshot> {
  return {
    definition: () => Promise.resolve(definitionParts(spec)),
    run: async ([base], scope) => {
      if (base === undefined) throw new Error('RUN without a root');
      await ensureLayers(base.layers, scope);
      const view = mergedView(base.layers.map((layer) => layer.path));
      await using layer = await deps.snapshots.prepare(base, scope);
      const user = resolveUser(userFiles(view), spec.user);
      const writer = new UpperWriter(layer.upper, view);
      ensureWorkdir(writer, spec.cwd, user);
      ensureMountPoints(writer);
      writer.finish();
      await runIn(layer, { spec, vertex, view, user }, deps, scope);
      return deps.snapshots.snapshot([...base.layers, await layer.commit(scope)]);
    },
  };
}

function definitionParts(spec: ExecSpec): KeyPart[] {
  const text = spec.args.join(' ');
  const variables = spec.env
    .filter(({ origin }) => origin !== 'proxy')
    .map(({ name, value, origin }) => part(`${origin} ${name}`, value, value));
  const script = spec.script === undefined ? [] : inlineParts([spec.script]);
  const order = spec.env.filter(({ origin }) => origin !== 'proxy').map(({ name }) => name);
  return [
    part('instruction text', spec.args, text),
    ...script,
    ...variables,
    part('order of variables', order),
    part('working directory', spec.cwd, spec.cwd),
    part('user', spec.user, spec.user === '' ? 'root' : spec.user),
    part('network', spec.network, spec.network),
    ...(spec.hostname === undefined ? [] : [part('hostname', spec.hostname, spec.hostname)]),
    part(
      'platform',
      [spec.platform.os, spec.platform.architecture, spec.platform.variant],
      `${spec.platform.os}/${spec.platform.architecture}`,
    ),
  ];
}

/** A missing working directory is made, 0755 and the user's; one below /proc would be the host's. */
function ensureWorkdir(
  writer: UpperWriter,
  cwd: string,
  owner: { uid: number; gid: number },
): void {
  const path = writer.resolve(toBytes(cwd), true);
  if (/^(proc|dev|sys)\//.test(path)) {
    throw new BuildError(
      'syntax',
      `working directory /${toText(path)} is not inside the container's root`,
      {
        hint: 'WORKDIR must name a directory of the image',
      },
    );
  }
  if (writer.entryType(path) !== 'directory') writer.ensureDirectory(path, owner);
}

/** Where the runtime mounts; made by us, for it would make them with modes of its own. */
function ensureMountPoints(writer: UpperWriter): void {
  for (const path of ['dev', 'proc', 'sys', 'etc']) {
    if (writer.entryType(path) === undefined) writer.ensureDirectory(path, { uid: 0, gid: 0 });
  }
}

interface Job {
  readonly spec: ExecSpec;
  readonly vertex: Vertex;
  readonly view: SourceTree;
  readonly user: ReturnType<typeof resolveUser>;
}

async function runIn(
  layer: ActiveLayer,
  job: Job,
  deps: ExecutorDeps,
  scope: Scope,
): Promise<void> {
  const { spec, vertex, user } = job;
  const tail = new LogTail();
  const network = spec.network === 'none' ? 'none' : 'host';
  const stubs = findStubs(job.view);
  const root = await layer.mount(scope);
  const runtime = await deps.runtime();
  const id = `step-${randomBytes(8).toString('hex')}`;
  const exit = await runtime.run(
    {
      id,
      root,
      args: spec.args,
      env: environment(spec, user.home),
      cwd: spec.cwd,
      user,
      network,
      hostname: spec.hostname ?? HOSTNAME,
      mounts: [
        ...(await networkMounts({ network, id, hostname: spec.hostname ?? HOSTNAME }, deps)),
        ...(await scriptMount(spec.script, id, deps)),
      ],
      stdio: {
        kind: 'pipe',
        onOutput: (stream, data) => {
          tail.add(data);
          scope.emit({ type: 'log', vertex: vertex.digest, stream, data, time: deps.now() });
        },
      },
    },
    scope,
  );
  removeStubs(root, stubs);
  if (exit.code !== 0) throw failure(job, exit, tail);
}

/** HOME and HOSTNAME as a login would have them, unless the image says otherwise. */
function environment(spec: ExecSpec, home: string): string[] {
  const given = spec.env.map(({ name, value }) => `${name}=${value}`);
  return spec.env.some(({ name }) => name === 'HOME') ? given : [...given, `HOME=${home}`];
}

async function networkMounts(
  { network, id, hostname }: { network: 'host' | 'none'; id: string; hostname: string },
  deps: ExecutorDeps,
): Promise<BindMount[]> {
  const dir = join(await deps.temporary(), `net-${id}`);
  mkdirSync(dir);
  const file = (name: string, text: string): BindMount => {
    writeFileSync(join(dir, name), text, { mode: 0o644 });
    return { source: join(dir, name), target: `/etc/${name}`, readonly: true };
  };
  return [
    file('hosts', hostsFile(hostname)),
    file('resolv.conf', resolvConf(hostResolvConf(), network)),
  ];
}

/** A here-document that begins with `#!`: executable and read-only, in a directory of its own. */
async function scriptMount(
  script: ExecSpec['script'],
  id: string,
  deps: ExecutorDeps,
): Promise<BindMount[]> {
  if (script === undefined) return [];
  const dir = join(await deps.temporary(), `pipes-${id}`);
  mkdirSync(dir, { mode: 0o755 });
  writeFileSync(join(dir, script.name), script.content);
  chmodSync(join(dir, script.name), 0o755);
  return [{ source: dir, target: '/dev/pipes', readonly: true }];
}

function hostResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}

const STUBS = ['etc/hosts', 'etc/resolv.conf'];

/** Mount points that are not in the image: the runtime will make empty files there. */
function findStubs(view: SourceTree): string[] {
  return STUBS.filter((path) => {
    const resolved = resolveInside(view, path, true);
    return resolved === undefined || view.entry(resolved) === undefined;
  });
}

/** Takes the runtime's empty files away again, found anew inside the root: the step may have moved what led there. */
function removeStubs(root: string, stubs: readonly string[]): void {
  const tree = mergedView([root]);
  for (const stub of stubs) {
    const path = resolveInside(tree, stub, true);
    const entry = path === undefined ? undefined : tree.entry(path);
    if (entry?.type !== 'file' || entry.size > 0) continue;
    unlinkSync(hostPath(root, entry.path));
  }
}

function failure({ spec, vertex }: Job, exit: ExitStatus, tail: LogTail): BuildError {
  const how =
    exit.signal === undefined ? `exit code: ${String(exit.code)}` : `killed by ${exit.signal}`;
  const command = spec.args.join(' ');
  return new BuildError(
    'run-failed',
    `process ${JSON.stringify(command)} did not complete successfully: ${how}`,
    {
      range: vertex.range,
      details: tail.lines(),
    },
  );
}
