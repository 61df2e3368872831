import { createHmac, type KeyObject } from 'node:crypto';
import { sameBytes } from '../../../audit/chain.ts';
import { decodeRecord } from '../../../audit/record.ts';
import { type Doubt, NOT_MOVED, type SpoolReceiver, type SpoolText } from '../../../audit/spool.ts';
import { KeyturnError } from '../../../core/errors.ts';
import type { Ask } from '../connections.ts';
import { textOf } from '../row.ts';
import { textsIn } from './unconfirmed.ts';
import { type LedgerPlace, writeUnderLock } from './writer.ts';

/**
 * How far each spool was moved is a row of `meta`, written in the transaction of the records and sealed like them: whoever can write the database
 * could otherwise have a replica take its spool for moved, and delete it. The row stays, as the proof that a spool that turns up again was moved.
 */
export function postgresSpools(place: LedgerPlace): SpoolReceiver {
  const { connections, schema, keys } = place;
  const select = `SELECT value FROM ${schema}.meta WHERE name = $1`;
  const insert = `INSERT INTO ${schema}.meta VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING name`;
  const update = `UPDATE ${schema}.meta SET value = $2 WHERE name = $1 AND value = $3 RETURNING name`;
  return {
    async markOf(spool) {
      const [row] = await connections.query(select, [nameOf(spool)]);
      return row === undefined ? NOT_MOVED : markIn(keys.mac, spool, textOf(row, 'value'));
    },
    async take({ spool, after, mark, texts, at }) {
      await writeUnderLock(place, { texts: [], leases: [], changes: [], at }, async (ask) => {
        const values = [nameOf(spool), sealed(keys.mac, spool, mark)];
        const moved = await (after === NOT_MOVED ? ask(insert, values) : ask(update, [...values, sealed(keys.mac, spool, after)]));
        if (moved.length === 0) throw new KeyturnError('conflict', `The spool ${spool} was moved further meanwhile.`);
        const known = await knownOf(ask, schema, doubtsIn(texts));
        return texts.filter(({ doubt }) => doubt === null || !known.has(doubt.requestId)).map(({ text }) => text);
      });
    },
  };
}

/**
 * So many of the newest blocks are looked through for a record in doubt. Where the database itself was out, it is among the last ones; where only this replica
 * was cut off for long, others may have written more since, and it stands there a second time then, as one that was spooled.
 */
const BLOCKS = 20_000;

/** Which of the requests have a record in the log. */
async function knownOf(ask: Ask, schema: string, doubts: readonly Doubt[]): Promise<ReadonlySet<string>> {
  if (doubts.length === 0) return new Set();
  const times = doubts.map(({ at }) => at);
  const rows = await ask(
    `SELECT body FROM (SELECT * FROM ${schema}.audit_blocks ORDER BY first DESC LIMIT ${BLOCKS}) AS newest WHERE latest >= $1 AND earliest <= $2`,
    [Math.min(...times), Math.max(...times)],
  );
  const asked = new Set(doubts.map(({ requestId }) => requestId));
  const records = textsIn(rows).map((text) => decodeRecord(text, 0));
  return new Set(records.flatMap(({ requestId }) => (requestId !== null && asked.has(requestId) ? [requestId] : [])));
}

function doubtsIn(texts: readonly SpoolText[]): Doubt[] {
  return texts.flatMap(({ doubt }) => (doubt === null ? [] : [doubt]));
}

function nameOf(spool: string): string {
  return `spool ${spool}`;
}

function sealed(mac: KeyObject, spool: string, mark: number): string {
  return `${mark} ${createHmac('sha256', mac).update(`keyturn audit spool mark v1 ${spool} ${mark}`).digest('hex')}`;
}

function markIn(mac: KeyObject, spool: string, value: string): number {
  const mark = Number(value.split(' ', 1)[0]);
  if (sameBytes(Buffer.from(value), Buffer.from(sealed(mac, spool, mark)))) return mark;
  throw new KeyturnError(
    'corrupt_document',
    `How far the spool ${spool} was moved into the audit log is not what Keyturn wrote: somebody changed the table meta. The spool stays where it is. Look whether the log holds its records; then delete the row, or the spool.`,
  );
}
