import type { MoveMarks } from '../../ports/move.ts';
import { decodeMoveMark, encodeMoveMark } from '../move-mark.ts';
import type { Database } from './database.ts';
import { readMark, removeMark, writeMark } from './marks.ts';

/** The lock on the data folder is the fence: whoever writes a mark is the only one who has the database open. */
export function moveMarksIn(database: Database): MoveMarks {
  return {
    fences: true,
    async read() {
      const text = readMark(database, 'move');
      return text === null ? null : decodeMoveMark(text);
    },
    async write(mark) {
      if (mark === null) removeMark(database, 'move');
      else writeMark(database, 'move', encodeMoveMark(mark));
    },
  };
}
