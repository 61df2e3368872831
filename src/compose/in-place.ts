import { KeyturnError } from '../core/errors.ts';
import type { MoveMark, MoveMarks } from '../ports/move.ts';

/**
 * Two stores of a move never serve both: the old one not from its beginning on, the new one not before its end.
 * @throws KeyturnError `invalid_config`
 */
export async function requireInPlace(marks: MoveMarks): Promise<void> {
  const mark = await marks.read();
  if (mark !== null && mark.phase !== 'arrived') throw new KeyturnError('invalid_config', inWords(mark));
}

function inWords({ phase, other }: MoveMark): string {
  switch (phase) {
    case 'leaving':
      return `Everything in this store is being moved to ${other}, and that is not finished. Run keyturn migrate again, or call it off: keyturn migrate --call-off --from <this configuration>.`;
    case 'moved':
      return `Everything in this store was moved to ${other}. Start with the configuration of that store; what is here is the past.`;
    default:
      return `Everything in ${other} is being moved into this store, and that is not finished. Run keyturn migrate again first.`;
  }
}
