import type { ContainerState } from './model/container.js';
import type { ContainerTeller } from './model/engine-event.js';
import type { TerminalSize } from './model/process.js';

export interface ResizeTeller {
  readonly onResize: (size: TerminalSize) => void;
  /** The container runs: what came before is told now, as docker does, the last of it. */
  readonly begin: () => void;
}

/** The events `resize` of a container's terminal. */
export function tellResizes(state: ContainerState, tell: ContainerTeller): ResizeTeller {
  let begun = false;
  let held: TerminalSize | undefined;
  const onResize = (size: TerminalSize): void => {
    if (begun) tell(state, 'resize', { height: String(size.rows), width: String(size.columns) });
    else held = size;
  };
  return {
    onResize,
    begin: () => {
      begun = true;
      if (held !== undefined) onResize(held);
    },
  };
}
