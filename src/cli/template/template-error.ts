import { BuildError } from '../../model/error.js';

/** Every failure of a template is the user's: bad syntax, or a field or function that is not there. */
export function templateError(message: string): BuildError {
  return new BuildError('usage', `template parsing error: ${message}`, {
    hint: 'templates are Go templates: {{.Names}}, {{json .}}, {{range .RepoTags}}{{.}} {{end}}',
  });
}
