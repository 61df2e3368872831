import { KeyturnError } from '../core/errors.ts';
import type { MoveMark, MoveMarks } from '../ports/move.ts';
import type { MigrateDeps, Side } from './migrate.ts';

const ID_BYTES = 8;

type Ends = Pick<MigrateDeps, 'from' | 'to' | 'random'>;

/**
 * Marks both stores, the new one first: from then on neither may be served from, and nobody changes the old one any more. An interrupted move of the
 * same two stores is taken up.
 * @returns the mark of the old store; null where the move is finished
 * @throws KeyturnError `invalid_config`
 */
export async function beginMove({ from, to, random }: Ends): Promise<MoveMark | null> {
  const [left, arrived] = [await from.move.read(), await to.move.read()];
  if (left?.phase === 'arriving')
    throw new KeyturnError('invalid_config', `${from.place} is itself not complete: another move into it has to end first.`);
  if (left !== null && left.phase !== 'arrived') return takenUp(left, arrived);
  if (arrived !== null && arrived.phase !== 'arriving') throw notEmpty(to);
  await requireSomething(from);
  await requireEmpty(to);
  const id = random.bytes(ID_BYTES).toString('hex');
  await to.move.write({ id, phase: 'arriving', other: from.place });
  const mark = { id, phase: 'leaving', other: to.place } as const;
  await from.move.write(mark);
  return mark;
}

/** @throws KeyturnError `conflict` where the move was called off, or begun anew, while it ran */
export async function requireUnderWay({ move, place }: Pick<Side, 'move' | 'place'>, id: string): Promise<void> {
  if ((await move.read())?.id !== id) throw new KeyturnError('conflict', `The move out of ${place} was called off. Nothing was cut over.`);
}

/** Another run of the same move may have ended it: what is in the new store may have changed since. @throws KeyturnError `conflict` */
export async function requireArriving({ move, place }: Pick<Side, 'move' | 'place'>): Promise<void> {
  if ((await move.read())?.phase === 'arriving') return;
  throw new KeyturnError('conflict', `Another keyturn migrate has ended the move into ${place}. Nothing is left to do.`);
}

/**
 * Gives a move up that is not finished: the old store may be served from again. What was copied stays where it is, and is never served.
 * @throws KeyturnError `invalid_config` where none is under way, or it is too late
 */
export async function callOffMove({ move, place }: { readonly move: MoveMarks; readonly place: string }): Promise<void> {
  const mark = await move.read();
  if (mark?.phase === 'leaving') return move.write(null);
  if (mark?.phase === 'moved') {
    throw new KeyturnError('invalid_config', `Everything in ${place} was moved to ${mark.other} already, where it may have changed since.`);
  }
  throw new KeyturnError('invalid_config', `No move out of ${place} is under way.`);
}

function takenUp(left: MoveMark, arrived: MoveMark | null): MoveMark | null {
  if (left.id !== arrived?.id || (arrived.phase !== 'arriving' && arrived.phase !== 'arrived')) throw elsewhere(left);
  return arrived.phase === 'arrived' ? null : left;
}

async function requireSomething({ store, place }: Side): Promise<void> {
  if ((await store.page(null, 1)).items.length > 0) return;
  throw new KeyturnError('invalid_config', `There are no keyrings in ${place}: nothing to move. Is it the right one?`);
}

async function requireEmpty(to: Side): Promise<void> {
  const { store, tokens } = to;
  const found = [await store.page(null, 1), await tokens.page(null, 1), await store.pageMaterial(null, 1)];
  if (found.some(({ items }) => items.length > 0)) throw notEmpty(to);
}

function notEmpty({ place }: Side): KeyturnError {
  return new KeyturnError(
    'invalid_config',
    `${place} is not empty. Move into a store that no service was ever started on: another folder, schema or prefix.`,
  );
}

function elsewhere({ other }: MoveMark): KeyturnError {
  return new KeyturnError(
    'invalid_config',
    `A move to ${other} was begun. Name that store again, or call the move off: keyturn migrate --call-off.`,
  );
}
