import { findBuild } from '../../build-history.js';
import { buildReport, type BuildReport, type NameValue } from '../../model/build-report.js';
import { BuildError } from '../../model/error.js';
import { escapeControls, oneLine } from '../../ui/escape.js';
import { openWorkshop } from '../../workshop.js';
import { type Command, type CommandContext, say } from '../command.js';
import { buildDuration } from '../format/build-columns.js';
import { table } from '../format/table.js';
import { compileTemplate } from '../template/execute.js';
import { BUILDER } from './history.js';

export const buildInspectCommand: Command = {
  names: ['history inspect', 'buildx history inspect'],
  usage: '[OPTIONS] [BUILD]',
  summary: 'Show all that is known of a build, by default the last',
  flags: [
    BUILDER,
    { name: 'format', kind: 'text', value: 'TEMPLATE', help: 'pretty, json or a Go template' },
  ],
  run: async (context) => {
    const { flags, env, stdout } = context;
    if (flags.rest[0] === 'attachment') throw noAttachments();
    const wanted = atMostOneBuild(context, 'stave history inspect [OPTIONS] [BUILD]');
    const format = flags.text('format') ?? 'pretty';
    const template = format === 'pretty' || format === 'json' ? undefined : compileTemplate(format);
    await using workshop = openWorkshop(undefined, env);
    const report = buildReport(findBuild(wanted, workshop), workshop.now());
    if (template !== undefined) say(stdout, `${template({ ...report })}\n`);
    else if (format === 'json') say(stdout, `${JSON.stringify(report, null, 2)}\n`);
    else say(stdout, escapeControls(pretty(report, wanted === undefined)));
    return 0;
  },
};

function noAttachments(): BuildError {
  const why = 'a build leaves no provenance and no SBOM';
  return new BuildError('unsupported', `history inspect attachment is not supported: ${why}`, {
    hint: 'stave history inspect names the materials of a build',
  });
}

export function atMostOneBuild({ flags }: CommandContext, usage: string): string | undefined {
  const [wanted, ...more] = flags.rest;
  if (more.length === 0) return wanted;
  throw new BuildError('usage', 'requires at most 1 argument', { hint: `usage: ${usage}` });
}

function pretty(report: BuildReport, withRef: boolean): string {
  const { Error: error } = report;
  const head = rows([
    ['Name', report.Name],
    ['Ref', withRef ? report.Ref : undefined],
    ['Context', report.Context],
    ['Dockerfile', report.Dockerfile],
    ['VCS Repository', report.VCSRepository],
    ['VCS Revision', report.VCSRevision],
    ['Target', report.Target],
    ['Platforms', report.Platform.join(', ')],
    ['Tags', report.Tags.join(', ')],
    ['Keep Git Dir', report.KeepGitDir === true ? 'true' : undefined],
    ['Flags', report.Flags.join(' ')],
  ]);
  const running = report.Status === 'running' ? ' (running)' : '';
  const how = rows([
    ['Started', report.StartedAt.slice(0, 19).replace('T', ' ')],
    ['Duration', `${buildDuration(report.Duration / 1e6)}${running}`],
    ['Status', STATUS[report.Status]],
    ['Error', error === undefined ? undefined : oneLine(error.Message)],
    ['Build Steps', stepsText(report)],
    ['Image ID', report.ImageID],
  ]);
  const sections = [
    head,
    pairsTable(report.NamedContexts, 'NAMED CONTEXT'),
    how,
    ...(error === undefined ? [] : [errorText(error)]),
    rows(configRows(report.Config)),
    pairsTable(report.BuildArgs, 'BUILD ARG'),
    pairsTable(report.Labels, 'LABEL'),
    materialsTable(report.Materials),
    stepTable(report),
    `Print build logs: stave history logs ${report.Ref}\n`,
  ];
  return sections.filter((section) => section !== '').join('\n');
}

/** In buildx' words and order. */
const CONFIG_TITLES: Readonly<Record<keyof BuildReport['Config'], string>> = {
  Network: 'Network',
  ExtraHosts: 'Extra Hosts',
  CgroupParent: 'Cgroup Parent',
  ImageResolveMode: 'Image Resolve Mode',
  MultiPlatform: 'Multi-Platform',
  NoCache: 'No Cache',
  NoCacheFilter: 'No Cache Filter',
  ShmSize: 'Shm Size',
  Ulimit: 'Resource Limits',
  Memory: 'Memory',
  MemorySwap: 'Memory Swap',
  CPUShares: 'CPU Shares',
  CPUPeriod: 'CPU Period',
  CPUQuota: 'CPU Quota',
  CPUSetCPUs: 'CPUSet CPUs',
  CPUSetMems: 'CPUSet Mems',
  CacheMountNS: 'Cache Mount Namespace',
  DockerfileCheckConfig: 'Dockerfile Check Config',
  SourceDateEpoch: 'Source Date Epoch',
  SandboxHostname: 'Sandbox Hostname',
};

function configRows(config: BuildReport['Config']): readonly (readonly [string, string])[] {
  const values: Readonly<Record<string, string | boolean | readonly string[] | undefined>> = {
    ...config,
  };
  return Object.entries(CONFIG_TITLES).flatMap(([field, title]) => {
    const value = values[field];
    if (value === undefined) return [];
    return [[title, Array.isArray(value) ? value.join(', ') : String(value)] as const];
  });
}

function materialsTable(materials: BuildReport['Materials']): string {
  if (materials === undefined) return '';
  const lines = materials.map(({ URI, Digests }) => [oneLine(URI), Digests.join(', ')]);
  return `Materials:\n${table([['URI', 'DIGEST'], ...lines], 0)}`;
}

/** The others are told by what follows. */
const STATUS: Readonly<Record<string, string>> = {
  canceled: 'Canceled',
  killed: 'Killed: it ended without an end',
};

function stepsText({ NumCompletedSteps, NumTotalSteps, NumCachedSteps }: BuildReport): string {
  const cached = NumTotalSteps === 0 ? 0 : (NumCachedSteps / NumTotalSteps) * 100;
  return `${String(NumCompletedSteps)}/${String(NumTotalSteps)} (${cached.toFixed(0)}% cached)`;
}

function rows(pairs: readonly (readonly [string, string | undefined])[]): string {
  const given = pairs.filter(([, value]) => value !== undefined && value !== '');
  const width = Math.max(0, ...given.map(([name]) => name.length)) + 2;
  return given.map(([name, value]) => `${`${name}:`.padEnd(width)}${value ?? ''}\n`).join('');
}

function pairsTable(pairs: readonly NameValue[] | undefined, title: string): string {
  if (pairs === undefined) return '';
  return table([[title, 'VALUE'], ...pairs.map(({ Name, Value }) => [Name, oneLine(Value)])]);
}

function errorText({
  File,
  StartLine = 1,
  Source = [],
  Logs = [],
  Hint,
}: NonNullable<BuildReport['Error']>): string {
  const place = File === undefined ? [] : [`${File}:${String(StartLine)}`];
  const digits = String(StartLine + Source.length).length;
  const source = Source.map((line, i) => `${String(StartLine + i).padStart(digits)} | >>> ${line}`);
  const hint = Hint === undefined ? [] : [`hint: ${Hint}`];
  return [...place, ...source, ...Logs, ...hint].map((line) => `${line}\n`).join('');
}

function stepTable({ Steps }: BuildReport): string {
  const shown = Steps.filter(({ Number: number }) => number > 0).toSorted(
    (a, b) => a.Number - b.Number,
  );
  if (shown.length === 0) return '';
  return table(
    [
      ['STEP', 'STATUS', 'DURATION', 'NAME', 'WHY'],
      ...shown.map((step) => [
        `#${String(step.Number)}`,
        statusText(step),
        step.Status === 'cached' ? '' : buildDuration(step.Duration / 1e6),
        cut(oneLine(step.Name)),
        oneLine(step.Why?.text ?? ''),
      ]),
    ],
    0,
  );
}

function statusText({ Status, CachedBy }: BuildReport['Steps'][number]): string {
  return CachedBy === 'content' ? 'cached (same result)' : Status;
}

const WIDEST = 60;

function cut(name: string): string {
  return name.length > WIDEST ? `${name.slice(0, WIDEST - 1)}…` : name;
}
