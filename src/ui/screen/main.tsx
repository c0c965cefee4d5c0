import { Box, render, Text } from 'ink';
import { cut } from '../columns.js';
import type { Screen } from '../print-screen.js';
import type { ScreenState, StepState } from '../state.js';
import { stepLines, titleLine } from '../summary.js';
import { steadyTime } from '../../model/steady-time.js';

interface BuildViewProps {
  readonly state: ScreenState;
  readonly now: number;
  readonly columns: number;
  readonly rows: number;
  /** Lines of output shown below a running step. */
  readonly tailLines: number;
}

/**
 * The title, as many of the latest ended steps as there is room for (all are printed when the build is over), and the
 * running steps with the last lines of their output; never more than the terminal is high.
 */
export function BuildView({ state, now, columns, rows, tailLines }: BuildViewProps) {
  const running = state.steps.filter((step) => step.status === 'running');
  const perStep = Math.max(1, Math.floor((rows - 2) / Math.max(1, running.length)) - 2);
  const tail = Math.min(tailLines, perStep);
  const shown = running.slice(0, Math.max(1, Math.floor((rows - 2) / (tail + 2))));
  const room = Math.max(0, rows - 2 - shown.length * (tail + 2));
  const ended = room === 0 ? [] : state.steps.filter((step) => step.ended !== undefined);
  return (
    <Box flexDirection="column">
      <Text bold>{cut(titleLine(state, now), columns)}</Text>
      {ended.slice(-room).map((step) => (
        <EndedStep key={step.vertex} step={step} now={now} columns={columns} />
      ))}
      {shown.map((step) => (
        <RunningStep key={step.vertex} step={step} now={now} columns={columns} tail={tail} />
      ))}
    </Box>
  );
}

interface StepProps {
  readonly step: StepState;
  readonly now: number;
  readonly columns: number;
}

/** One line; its reason is in what stays on the terminal. */
function EndedStep({ step, now, columns }: StepProps) {
  const [line] = stepLines(step, columns, now);
  return (
    <Text color={step.status === 'failed' ? 'red' : 'blue'} wrap="truncate">
      {line}
    </Text>
  );
}

interface RunningStepProps extends StepProps {
  readonly tail: number;
}

function RunningStep({ step, now, columns, tail }: RunningStepProps) {
  const lines = step.tail.slice(-tail);
  // Always the same height, so that the screen does not jump while output comes.
  const blank = Array.from({ length: step.tail.length === 0 ? 0 : tail - lines.length }, () => '');
  return (
    <Box flexDirection="column">
      {stepLines(step, columns, now).map((line, i) => (
        <Text key={i} {...(i === 0 ? { color: 'blue' } : { dimColor: true })} wrap="truncate">
          {line}
        </Text>
      ))}
      {[...lines, ...blank].map((line, i) => (
        <Text key={i} dimColor wrap="truncate">
          {cut(` => => # ${line}`, columns)}
        </Text>
      ))}
    </Box>
  );
}

/** Contract: StartScreen in print-screen.ts. The screen is redrawn ten times a second and erased at the end. */
export function startScreen(
  stream: NodeJS.WriteStream,
  env: NodeJS.ProcessEnv,
  first: ScreenState,
): Screen {
  let state = first;
  const tailLines = Number(env['BUILDKIT_TTY_LOG_LINES'] ?? 6) || 6;
  const view = () => (
    <BuildView
      state={state}
      now={steadyTime()}
      columns={stream.columns}
      rows={stream.rows}
      tailLines={tailLines}
    />
  );
  const app = render(view(), { stdout: stream, patchConsole: false, exitOnCtrlC: false });
  const timer = setInterval(() => {
    app.rerender(view());
  }, 100);
  return {
    update: (next) => {
      state = next;
    },
    stop: () => {
      clearInterval(timer);
      app.clear();
      app.unmount();
    },
  };
}
