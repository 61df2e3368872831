import { entriesOf, summaryOf } from '../../../audit/block.ts';
import type { Ask } from '../connections.ts';
import { bytesOf, type Row } from '../row.ts';

/** What commits that failed may have written all the same: the answer of a COMMIT can be lost after the database has done it. */
export interface Unconfirmed {
  /** The last record that is known to be there from before. */
  readonly after: number;
  readonly texts: ReadonlySet<string>;
}

/** Of these texts those that are not there yet. Asked under the lock of the head: what could still come of an earlier attempt finds it moved, and writes nothing. */
export async function notWritten(
  ask: Ask,
  schema: string,
  texts: readonly string[],
  { after, texts: doubtful }: Unconfirmed,
): Promise<readonly string[]> {
  const { earliest, latest } = summaryOf([...doubtful]);
  const sql = `SELECT body FROM ${schema}.audit_blocks WHERE first > $1 AND earliest <= $2 AND latest >= $3`;
  const blocks = await ask(sql, [after, latest, earliest]);
  const there = new Set(textsIn(blocks));
  return texts.filter((text) => !(doubtful.has(text) && there.has(text)));
}

/** The records of blocks of which at least the body was read. */
export function textsIn(blocks: readonly Row[]): string[] {
  return blocks.flatMap((row) => entriesOf(bytesOf(row, 'body')).entries.map(({ text }) => Buffer.from(text).toString()));
}
