import { KeyturnError } from '../../core/errors.ts';
import type { MoveMarks } from '../../ports/move.ts';
import { decodeMoveMark, encodeMoveMark } from '../move-mark.ts';
import type { Cells } from './cells.ts';
import { type Cell, revisionOf } from './value.ts';

/** AWS has nothing that could refuse the writes of replicas that run: they have to be stopped. @param secret its name */
export function moveMarksIn(cells: Cells, secret: string): MoveMarks {
  const marked = ({ text }: Cell): string | null => {
    const document: unknown = JSON.parse(text);
    return typeof document === 'object' && document !== null && 'mark' in document && typeof document.mark === 'string'
      ? document.mark
      : null;
  };
  return {
    fences: false,
    async read() {
      const cell = await cells.read(secret);
      const text = cell === undefined ? null : marked(cell);
      return text === null ? null : decodeMoveMark(text);
    },
    async write(mark) {
      const cell = await cells.read(secret);
      const text = JSON.stringify({ mark: mark === null ? null : encodeMoveMark(mark) });
      const written = await cells.swap(secret, text, cell === undefined ? null : revisionOf(cell));
      if (written === null) throw new KeyturnError('conflict', 'Another keyturn migrate is at work on this store. Let it end first.');
    },
  };
}
