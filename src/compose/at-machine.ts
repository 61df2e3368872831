import { systemClock } from '../clock.ts';
import type { AtMachine } from '../ports/at-machine.ts';
import { systemRandom } from '../random.ts';
import { changeMasterKey } from './rekey.ts';
import { restoreBackup } from './restore.ts';

export const atMachine: AtMachine = {
  rekey: (progress) => changeMasterKey({ clock: systemClock, random: systemRandom, progress }),
  restore: (request) => restoreBackup(request, { clock: systemClock, random: systemRandom }),
};
