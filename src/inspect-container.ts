import { healthOf } from './health.js';
import { type ContainerState, isUp } from './model/container.js';
import { networkSettings } from './network-settings.js';
import { mountPoints } from './volumes.js';
import type { Workshop } from './workshop.js';

/** Go's zero time. */
const NEVER = '0001-01-01T00:00:00Z';

/** docker's inspect document of a container, as far as this store knows it. */
export function inspectContainer(name: string, workshop: Workshop): Record<string, unknown> {
  const { containers } = workshop;
  const state = containers.find(name);
  const document = {
    Id: state.id,
    Created: state.created,
    Path: state.args[0] ?? '',
    Args: state.args.slice(1),
    State: runState(state, workshop),
    Image: state.imageId,
    Name: `/${state.name}`,
    LogPath: containers.path(state.id, 'log'),
    RestartCount: state.restartCount ?? 0,
    HostConfig: state.hostConfig,
    Mounts: mountPoints(state, workshop),
    NetworkSettings: networkSettings(state, workshop),
    Config: configOf(state),
  };
  // docker's struct has these names, too, for templates.
  return withUnseen(document, { ID: state.id, SizeRw: null, SizeRootFs: null });
}

function runState(state: ContainerState, { containers }: Workshop): object {
  const document = {
    Status: state.status,
    Running: isUp(state),
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: state.oomKilled === true,
    Dead: false,
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error ?? '',
    StartedAt: state.started ?? NEVER,
    FinishedAt: state.finished ?? NEVER,
  };
  const health = healthOf(state, containers);
  return health === undefined
    ? withUnseen(document, { Health: null })
    : { ...document, Health: health };
}

/** In the order of docker's struct, with what is empty; what it leaves out when it is empty is left out here. */
function configOf(state: ContainerState): object {
  const { User, Env, Cmd, Volumes, WorkingDir, Entrypoint, OnBuild, Labels, ...others } =
    state.config;
  const { ExposedPorts, Healthcheck, ArgsEscaped, ...last } = others;
  return {
    Hostname: state.hostname,
    Domainname: state.domainname ?? '',
    User: User ?? '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ...(ExposedPorts === undefined ? {} : { ExposedPorts }),
    Tty: state.terminal,
    OpenStdin: state.openStdin,
    StdinOnce: false,
    Env: Env ?? null,
    Cmd: Cmd ?? null,
    ...(Healthcheck === undefined ? {} : { Healthcheck }),
    ...(ArgsEscaped === undefined ? {} : { ArgsEscaped }),
    Image: state.image,
    Volumes: Volumes ?? null,
    WorkingDir: WorkingDir ?? '',
    Entrypoint: Entrypoint ?? null,
    OnBuild: OnBuild ?? null,
    Labels: Labels ?? {},
    ...last,
  };
}

/** Fields that a template finds, and JSON does not show. */
function withUnseen<T extends object>(document: T, fields: Readonly<Record<string, unknown>>): T {
  for (const [name, value] of Object.entries(fields))
    Object.defineProperty(document, name, { value, enumerable: false, configurable: true });
  return document;
}
