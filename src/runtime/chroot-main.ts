import { becomeContainer, createChrootContainer } from './chroot-container.js';
import { becomeExec, execInChroot } from './chroot-exec.js';
import { becomeStep } from './chroot-step.js';
import { superviseStep } from './chroot-supervisor.js';

/** Entry of all processes of chroots: who watches over one, who becomes one, what a container's monitor calls. */
const [, , role, ...rest] = process.argv;
if (role === 'step') becomeStep();
else if (role === 'create') createChrootContainer(rest);
else if (role === 'init') becomeContainer(rest);
else if (role === 'exec') execInChroot(rest);
else if (role === 'enter') becomeExec(rest);
else superviseStep();
