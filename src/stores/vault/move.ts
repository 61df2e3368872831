import { KeyturnError } from '../../core/errors.ts';
import type { MoveMarks } from '../../ports/move.ts';
import { decodeMoveMark, encodeMoveMark } from '../move-mark.ts';
import type { Entries } from './entries.ts';

const PATH = 'move';

/** Vault has nothing that could refuse the writes of replicas that run: they have to be stopped. */
export function moveMarksIn(entries: Entries): MoveMarks {
  return {
    fences: false,
    async read() {
      const entry = await entries.read(PATH);
      if (entry.state !== 'held' || !('mark' in entry.data) || entry.data.mark === null) return null;
      return decodeMoveMark(String(entry.data.mark));
    },
    async write(mark) {
      const entry = await entries.read(PATH);
      if (entry.state === 'absent') await entries.kv.protect(PATH, 1);
      const from = entry.state === 'absent' ? 0 : entry.version;
      const written = await entries.kv.write(PATH, { mark: mark === null ? null : encodeMoveMark(mark) }, from);
      if (written === null) throw new KeyturnError('conflict', 'Another keyturn migrate is at work on this store. Let it end first.');
      entries.advance(PATH, written.version);
    },
  };
}
