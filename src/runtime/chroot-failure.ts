import type { BuildError } from '../model/error.js';
import type { ChrootFailure } from './chroot-job.js';
import { programNotExecutable, programNotFound } from './exec-error.js';
import { cannot } from './prepare.js';

/** Why a program in a chroot could not be started, in the words of every rung. */
export function chrootFailure(
  { code, syscall, directory }: ChrootFailure,
  program: string,
): BuildError {
  if (syscall !== 'execve')
    return cannot(`the process could not be started: ${syscall}: ${code}`, UNEXPECTED);
  if (code === 'ENOENT' || code === 'ENOTDIR') return programNotFound(program);
  if (directory === true) return programNotExecutable(program, 'is a directory');
  if (code === 'EACCES') return programNotExecutable(program, 'permission denied');
  if (code === 'ENOEXEC') return programNotExecutable(program, 'exec format error');
  return programNotExecutable(program, code);
}

const UNEXPECTED = 'stave doctor shows what is in the way';
