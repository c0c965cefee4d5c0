import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { DISK, versionsOnDisk } from './disk.js';
import { buildahTool, type Command, dockerTool, run, staveTool, time, type Tool } from './tools.js';
import { emptyScratch, prepareBase, type Workload, workloads } from './workloads.js';

/**
 * Pairs stave with docker BuildKit and buildah: the same Dockerfiles, interleaved in random order, medians of wall
 * time, ratios against the faster peer and against the physical limit of the same work in the same run.
 */
function main(names: readonly string[]): void {
  const work = process.env['BENCH_WORK'] ?? '';
  const tools = [staveTool(work), dockerTool(work), buildahTool(work)];
  try {
    const base = join(work, 'base');
    prepareBase(base);
    for (const tool of tools) run(tool.build(base, 'bench-base'));
    say(row(['workload', 'stave', 'docker', 'buildah', 'x faster peer', 'limit', 'x limit']));
    const chosen = workloads.filter(
      (w) => names.length === 0 || names.some((n) => w.name.includes(n)),
    );
    for (const workload of chosen) say(measure(workload, tools, work));
    if (names.length === 0 || names.some((n) => DISK.includes(n))) say(measureDisk(tools, work));
  } finally {
    for (const tool of tools) tool.close();
  }
}

function measure(workload: Workload, tools: readonly Tool[], work: string): string {
  const dir = join(work, 'context');
  const scratch = join(work, 'scratch');
  emptyScratch(dir);
  workload.prepare(dir);
  const samples = new Map<string, number[]>(tools.map((tool) => [tool.name, []]));
  const limits: number[] = [];
  workload.touch(dir, 'warm-up');
  const chosen = tools.filter((tool) => workload.without?.includes(tool.name) !== true);
  if (workload.warm) for (const tool of chosen) run(tool.build(dir, 'bench'));
  for (let round = 0; round < workload.rounds; round++) {
    workload.touch(dir, `${String(round)}-${String(Date.now())}`);
    for (const tool of shuffled(chosen)) {
      emptyScratch(scratch);
      const file = join(scratch, 'image.tar');
      settle();
      samples.get(tool.name)?.push(time(commandsOf(workload, tool, { dir, file })));
    }
    emptyScratch(scratch);
    const limit = workload.limit?.(dir, scratch);
    settle();
    if (limit !== undefined) limits.push(time([limit.run]));
  }
  return report(workload, samples, limits);
}

function measureDisk(tools: readonly Tool[], work: string): string {
  const dir = join(work, 'context');
  emptyScratch(dir);
  const { bytes, live } = versionsOnDisk(tools, dir);
  const of = (name: string): number => bytes.get(name) ?? NaN;
  const mb = (value: number): string => `${(value / 1e6).toFixed(0)} MB`;
  const ratio = of('stave') / Math.min(of('docker'), of('buildah'));
  return row([
    DISK,
    ...['stave', 'docker', 'buildah'].map((name) => mb(of(name))),
    ...[ratio.toFixed(2), mb(live), (of('stave') / live).toFixed(2)],
  ]);
}

function commandsOf(
  workload: Workload,
  tool: Tool,
  { dir, file }: { readonly dir: string; readonly file: string },
): readonly Command[] {
  if (workload.together !== undefined) return [together(workload.together, tool, dir)];
  if (workload.run === true) return [tool.runTrue('bench')];
  return workload.archive === true ? tool.exportTo(dir, 'bench', file) : [tool.build(dir, 'bench')];
}

/** One command that ends when all builds have, and fails when one did. */
function together(count: number, tool: Tool, dir: string): Command {
  const builds = Array.from({ length: count }, (_, i) => {
    const number = String(i + 1);
    return tool.build(join(dir, number), `bench-${number}`);
  });
  const jobs = builds.map(({ argv }) => `${argv.join(' ')} & jobs="$jobs $!"`);
  const wait = 'for job in $jobs; do wait $job || exit 1; done';
  const env = builds[0]?.env;
  return { argv: ['sh', '-c', [...jobs, wait].join('\n')], ...(env === undefined ? {} : { env }) };
}

/** Nobody pays for what another left in the page cache: its dirty pages would be flushed by the next tool's fsync. */
function settle(): void {
  run({ argv: ['sync'] });
}

function report(workload: Workload, samples: Map<string, number[]>, limits: number[]): string {
  const of = (name: string): number => median(samples.get(name) ?? []);
  const peer = Math.min(...['docker', 'buildah'].map(of).filter((each) => !Number.isNaN(each)));
  const limit = limits.length === 0 ? undefined : median(limits);
  return row([
    workload.name,
    ms(of('stave')),
    ms(of('docker')),
    ms(of('buildah')),
    (of('stave') / peer).toFixed(2),
    limit === undefined ? '-' : ms(limit),
    limit === undefined ? '-' : (of('stave') / limit).toFixed(2),
  ]);
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function ms(value: number): string {
  if (Number.isNaN(value)) return '-';
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}

function row(cells: readonly string[]): string {
  return cells.map((cell, i) => (i === 0 ? cell.padEnd(24) : cell.padStart(14))).join('');
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

main(process.argv.slice(2));
