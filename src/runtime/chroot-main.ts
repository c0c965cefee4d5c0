import { becomeStep } from './chroot-step.js';
import { superviseStep } from './chroot-supervisor.js';

/** Entry of the two processes of a step in a chroot: who watches over it, and who becomes it. */
if (process.argv[2] === 'step') becomeStep();
else superviseStep();
