import { posix } from 'node:path';
import type { HistoryStep, Vertex } from '../model/graph.js';
import type { ImageConfig, Platform, RunConfig } from '../model/oci.js';
import type { Variables } from './variables.js';

/** All but Env, which is made at the end. */
export type MutableConfig = { -readonly [K in keyof Omit<RunConfig, 'Env'>]: RunConfig[K] };

/** What a stage has come to: changed by each instruction, copied for a stage that builds on it. */
export interface StageState {
  readonly name: string;
  /** What its steps run on. */
  readonly platform: Platform;
  /** The platform where titles need it, else ''. */
  readonly platformTitle: string;
  /** The stage's filesystem so far. */
  vertex: Vertex;
  readonly config: MutableConfig;
  author: string | undefined;
  readonly env: Variables;
  /** `Env` of the image config by name: replaced in place, else appended. */
  readonly imageEnv: Map<string, string>;
  /** ARGs in scope, for the history: each name once, first come first. */
  args: readonly { readonly name: string; readonly value?: string }[];
  readonly history: HistoryStep[];
  /** Config of the image at the bottom; absent on scratch. */
  base: ImageConfig | undefined;
  /** Count of vertices of this stage so far. */
  position: number;
  /** Step titles: done and total. */
  readonly steps: { done: number; total: number };
  cmdSet: boolean;
  /** A WORKDIR of the Dockerfile was applied, here or in a stage below. */
  workdirSet: boolean;
  /** The image at the bottom could not be asked for its config (a check goes on without it). */
  baseUnknown: boolean;
}

/** Absolute and cleaned, relative to the working directory. */
export function absolute(path: string, workdir: string | undefined): string {
  const joined = posix.isAbsolute(path)
    ? path
    : posix.join(workdir === undefined || workdir === '' ? '/' : workdir, path);
  const clean = posix.normalize(joined).replace(/\/+$/, '');
  return clean === '' ? '/' : posix.resolve('/', clean);
}
