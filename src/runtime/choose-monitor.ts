import type { Monitor } from '../model/process.js';
import { chrootProblem } from './chroot-problem.js';
import { createChrootMonitor } from './create-chroot-monitor.js';
import { createMonitor } from './monitor.js';
import type { RuntimeOptions } from './prepare.js';
import { sharesProc } from './shares-proc.js';

/** The highest rung there is for a container; where there is none, making one says why. */
export function chooseMonitor(options: RuntimeOptions): Monitor {
  if (!options.privateMounts && chrootProblem() === undefined) return createChrootMonitor(options);
  if (sharesProc(options)) return createChrootMonitor(options, 'mounts');
  return createMonitor(options);
}
