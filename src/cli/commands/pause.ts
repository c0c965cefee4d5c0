import { pause, unpause } from '../../containers.js';
import type { Command } from '../command.js';
import { each } from './lifecycle.js';

export const pauseCommand: Command = {
  names: ['pause', 'container pause'],
  usage: 'CONTAINER...',
  summary: 'Stop all processes of containers where they are',
  flags: [],
  run: (context) =>
    each(context, 'stave pause CONTAINER...', async (name, workshop) => {
      await pause(name, workshop);
      return undefined;
    }),
};

export const unpauseCommand: Command = {
  names: ['unpause', 'container unpause'],
  usage: 'CONTAINER...',
  summary: 'Let the processes of paused containers go on',
  flags: [],
  run: (context) =>
    each(context, 'stave unpause CONTAINER...', async (name, workshop) => {
      await unpause(name, workshop);
      return Promise.resolve(undefined);
    }),
};
