import { BuildError } from '../model/error.js';
import type { ParsedDockerfile } from './instruction.js';

/**
 * The language is built in: its official names, of any version, are accepted; another frontend cannot be run. The build
 * argument BUILDKIT_SYNTAX goes before the directive. Throws BuildError `unsupported`.
 */
export function checkSyntax(
  { directives, file }: ParsedDockerfile,
  buildArgs: Readonly<Record<string, string>>,
): void {
  const given = buildArgs['BUILDKIT_SYNTAX'];
  const syntax = given ?? directives.syntax;
  if (syntax === undefined || syntax === '') return;
  const image = syntax.split(/\s+/)[0] ?? '';
  if (isBuiltIn(image)) return;
  const line = directives.syntaxLine ?? 1;
  const where = { range: { file, startLine: line, endLine: line } };
  throw new BuildError(
    'unsupported',
    `${given === undefined ? 'syntax' : 'BUILDKIT_SYNTAX'} ${image} is another frontend, which stave cannot run`,
    {
      ...(given === undefined ? where : {}),
      hint: 'use docker/dockerfile:1, or leave it out: the language is built in',
    },
  );
}

function isBuiltIn(image: string): boolean {
  if (image === 'dockerfile.v0') return true;
  const name = image.replace(/^(?:index\.)?docker\.io\//, '').replace(/@sha256:[0-9a-f]{64}$/, '');
  const [repository = '', tag = 'latest'] = name.split(':');
  if (!/^docker\/dockerfile(?:-upstream)?$/.test(repository)) return false;
  return /^(?:(?:1(?:\.\d+){0,2}(?:-rc\d+)?|latest|master|stable|edge)(?:-(?:labs|experimental))?|labs|experimental)$/.test(
    tag,
  );
}
