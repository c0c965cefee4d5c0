import { type Normaliser, RULES, withoutSizes } from './normalise.js';
import type { Played } from './play.js';

export const HEAD = `# The labs, command by command

Five tutorials of Docker, run with stave by \`test/e2e/labs.test.ts\`: their commands with \`stave\` for \`docker\`, what
is typed on a terminal included. Each command is run by docker, too (Debian's docker.io), on the same images; what the two
print is compared, and where it differs the reason follows after \`# docker:\`. \`[exit N]\` is a status other than 0.

That stave says \`ERROR:\` where docker says \`Error response from daemon:\`, and adds a hint, is no difference here.

Images come from a registry on loopback that stands for Docker Hub, made of Debian packages: \`debian\` for Ubuntu,
\`busybox\` for Alpine, \`python\`, \`hello-world\`, and \`httpd\`, also for Tomcat, Jenkins and PHP.

What the labs do and this file does not:

| in the labs                                              | here                                                         |
| -------------------------------------------------------- | ------------------------------------------------------------ |
| looking around on Docker Hub with a browser              | nothing to run                                               |
| \`docker search\`                                        | Docker Hub's own service; \`stave search\` has a test of its own|
| opening a published port with a browser                  | \`curl\`                                                     |
| writing files with an editor                             | \`echo\`                                                     |
| \`RUN apk update && apk add nodejs\`                     | \`apt-get\`: no Alpine packages without Alpine               |
| \`info.php\` run by PHP                                  | copied and served as it is                                   |
| \`swarm\`, \`node\`, \`stack\`, \`service\`                | clusters of Docker daemons: stave has no daemon, none of it  |
| cloning the voting application from GitHub               | only the swarm deploys it                                    |
| Docker Desktop, Visual Studio Code                       | other programs                                               |

This file is written by the test (UPDATE=1). What differs from run to run is replaced:

${RULES.map((rule) => `- ${rule}`).join('\n')}
`;

/** A lab as a person reads it. */
export function labText(played: readonly Played[], normaliser: Normaliser): string {
  return played.map((each) => entryText(each, normaliser)).join('');
}

function entryText({ line, output, status }: Played, normaliser: Normaliser): string {
  if (line.kind === 'text') return `${line.text}\n`;
  const { abridged, differs } = line.how;
  const isTyped = line.kind === 'keys' || line.kind === 'end';
  const shown = abridged ? abridgedText(output, isTyped, normaliser) : normaliser.text(output);
  return (
    (isTyped ? '' : `$ ${line.text}\n`) +
    endLine(withoutSizes(shown).replaceAll('\r\n', '\n')) +
    (status === 0 || status === null ? '' : `[exit ${String(status)}]\n`) +
    (differs === undefined ? '' : `# docker: ${differs}\n`)
  );
}

/** The first line of what is typed is the prompt and the keys. */
function abridgedText(output: string, isTyped: boolean, normaliser: Normaliser): string {
  const typed = isTyped ? `${normaliser.text(output.split('\n', 1)[0] ?? '')}\n` : '';
  return `${typed}[…]\n`;
}

function endLine(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
