import type { Runtime } from '../model/process.js';
import { chrootProblem } from './chroot-problem.js';
import { createChrootRuntime } from './create-chroot-runtime.js';
import { sharesProc } from './shares-proc.js';
import { createRuntime, type StepRuntimeOptions } from './create-runtime.js';

/** The highest rung there is for a step; where there is none, running one says why. */
export function chooseRuntime(options: StepRuntimeOptions): Runtime {
  if (!options.privateMounts && chrootProblem() === undefined) return createChrootRuntime(options);
  if (sharesProc(options)) return createChrootRuntime(options, 'mounts');
  return createRuntime(options);
}
