import { systemClock } from '../clock.ts';
import { currentSurroundings } from '../config/surroundings.ts';
import type { AtMachine } from '../ports/at-machine.ts';
import { systemRandom } from '../random.ts';
import { inspectMachine } from './inspect.ts';
import { callOffMigration, migrateStores } from './migrate.ts';
import { changeMasterKey } from './rekey.ts';
import { restoreBackup } from './restore.ts';

export const atMachine: AtMachine = {
  inspect: async () => inspectMachine(currentSurroundings(), systemClock.now()),
  rekey: (progress) => changeMasterKey({ clock: systemClock, random: systemRandom, progress }),
  migrate: (request, progress) => migrateStores(request, progress),
  callOffMigration,
  restore: (request) => restoreBackup(request, { clock: systemClock, random: systemRandom }),
};
