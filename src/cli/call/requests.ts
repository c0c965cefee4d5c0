import { indented } from './location.js';
import { tabbed } from './tabbed.js';

interface Named {
  readonly name: string;
  readonly description: string;
}

const results = (...names: string[]): Named[] => names.map((name) => ({ name, description: '' }));

/** What can be asked of a Dockerfile (BuildKit's subrequests.Request). */
const REQUESTS = [
  {
    name: 'frontend.outline',
    description: 'List all parameters current build target supports',
    opts: [{ name: 'target', description: 'Target build stage' }],
    metadata: results('result.json', 'result.txt'),
  },
  {
    name: 'frontend.targets',
    description: 'List all targets current build supports',
    opts: [],
    metadata: results('result.json', 'result.txt'),
  },
  {
    name: 'frontend.lint',
    description: 'Lint a Dockerfile',
    opts: [],
    metadata: results('result.json', 'result.txt', 'result.statuscode'),
  },
  {
    name: 'frontend.subrequests.describe',
    description: 'List available subrequest types',
    opts: [],
    metadata: results('result.json', 'result.txt'),
  },
];

export function requestsText(): string {
  const rows = REQUESTS.map(({ name, description }) => [
    name.replace(/^frontend\./, ''),
    '1.0.0',
    description,
  ]);
  return tabbed([['NAME', 'VERSION', 'DESCRIPTION'], ...rows], 1);
}

export function requestsJson(): string {
  return indented(
    REQUESTS.map(({ name, description, opts, metadata }) => ({
      name,
      version: '1.0.0',
      type: 'rpc',
      description,
      opts,
      inputs: [],
      metadata,
      refs: [],
    })),
  );
}
