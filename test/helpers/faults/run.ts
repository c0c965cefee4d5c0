import { spawn } from 'node:child_process';
import type { Outcome } from '../stave.js';

const HUNG_MS = 5 * 60_000;

/** Runs a program to its end while others run; never rejects for what it says. */
export function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  hungMs = HUNG_MS,
): Promise<Outcome> {
  const child = spawn(program, args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: hungMs,
    killSignal: 'SIGKILL',
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString('latin1')));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString('latin1')));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    const end = (): void => {
      resolve({ status: child.exitCode, stdout, stderr });
    };
    child.on('close', end);
    // What a killed process leaves may hold the pipes: what it said itself is read by then.
    child.on('exit', () => {
      setTimeout(end, 1000);
    });
  });
}

/** The same, and it must succeed. */
export async function must(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  hungMs = HUNG_MS,
): Promise<string> {
  const { status, stdout, stderr } = await run(program, args, env, hungMs);
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')}: ${String(status)}\n${stdout}${stderr}`);
  return stdout;
}
