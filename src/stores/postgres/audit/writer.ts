import { sealBlock } from '../../../audit/block.ts';
import { GENESIS, type Head, headMac, hex, sameBytes } from '../../../audit/chain.ts';
import { NEWEST_CHECKPOINTS, RECORDS_BETWEEN_CHECKPOINTS } from '../../../audit/checkpoints.ts';
import { type AuditKeys, signCheckpoint } from '../../../audit/keys.ts';
import { type Batch, type LedgerWriter, offTheChain } from '../../../audit/ledger.ts';
import { KeyturnError } from '../../../core/errors.ts';
import type { Instant } from '../../../core/time.ts';
import type { Checkpoint } from '../../../ports/audit.ts';
import type { Ask, Connections } from '../connections.ts';
import { recordLeases, recordStatement, rounds } from '../leases.ts';
import { bytesOf, numberOf, type Row } from '../row.ts';
import { notWritten, type Unconfirmed } from './unconfirmed.ts';

const BLOCKS_CLEARED_AT_ONCE = 200;
/** Bytes. */
const ROOM = 1_500;

export interface LedgerPlace {
  readonly connections: Connections;
  /** Quoted. */
  readonly schema: string;
  readonly keys: AuditKeys;
}

/**
 * Writes the one chain of all replicas. Where nobody else has written since, a commit is one statement, which moves the head from where this replica left
 * it. Otherwise it locks the row of the head, chains its batch to it and moves it, in one transaction with the leases of the batch. So batches of several replicas follow one another, in the order of their commits.
 * @throws KeyturnError `corrupt_document` where the end of the log is not what these keys sealed; what the database throws
 */
export async function openPostgresLedger(place: LedgerPlace): Promise<LedgerWriter> {
  let known: Head = await place.connections.transaction((ask) => proveEnd(ask, place));
  let failed = false;
  let unconfirmed: Unconfirmed | null = null;
  let closed = false;
  let clearing: Promise<void> = Promise.resolve();

  async function write(batch: Batch): Promise<void> {
    const proved = async (ask: Ask): Promise<readonly string[]> => {
      if (failed && batch.texts.length === 0) await proveRoom(ask, place);
      return unconfirmed === null ? batch.texts : notWritten(ask, place.schema, batch.texts, unconfirmed);
    };
    const moved = unconfirmed === null ? await writeAtOnce(place, batch, known) : null;
    known = moved ?? (await writeUnderLock(place, batch, proved));
    failed = false;
    unconfirmed = null;
  }

  return {
    commit(batch, done) {
      write(batch).then(
        () => done(null),
        (error: unknown) => {
          failed = true;
          if (batch.texts.length > 0)
            unconfirmed = { after: known.sequence, texts: new Set([...(unconfirmed?.texts ?? []), ...batch.texts]) };
          done(error instanceof Error ? error : new Error('The commit failed', { cause: error }));
        },
      );
    },
    checkpoint: (at) => place.connections.transaction(async (ask) => signOnDemand(ask, place, await lockedHead(ask, place), at)),
    async drop(anchor) {
      await drop(place, anchor);
      // without the lock of the head: commits go on. What a failure leaves goes with the next drop.
      clearing = clear(place, anchor.sequence, () => closed).catch(() => undefined);
    },
    // the connections are the store's
    close() {
      closed = true;
      return clearing;
    },
  };
}

/** Null, and nothing is written: the head is elsewhere by now, or the batch needs more than one statement. */
async function writeAtOnce({ connections, schema, keys }: LedgerPlace, batch: Batch, before: Head): Promise<Head | null> {
  const { texts, leases, changes } = batch;
  const grants = rounds(leases);
  if (texts.length === 0 || changes.length > 0 || grants.length > 1 || passes(before, texts.length)) return null;
  const { block, head } = sealBlock(texts, before, keys.mac);
  const { first, count, earliest, latest, actions, outcomes, mac, body } = block;
  const sql = `
    WITH moved AS (
      UPDATE ${schema}.audit_head SET sequence = $1, hash = $2, mac = $3
      WHERE id = 1 AND sequence = $4 AND hash = $5 RETURNING id
    ), leased AS (${recordStatement(schema, '$6', 'moved, ')}
    ), block AS (
      INSERT INTO ${schema}.audit_blocks
      SELECT $7::bigint, $8::integer, $9::bigint, $10::bigint, $11::bigint, $12::bigint, $13::bytea, $14::bytea, $15::bytea FROM moved
    )
    SELECT id FROM moved`;
  const moved = [head.sequence, head.hash, headMac(keys.mac, head), before.sequence, before.hash, JSON.stringify(grants[0] ?? [])];
  const values = [...moved, first, count, earliest, latest, actions, outcomes, block.head, mac, body];
  const [row] = await connections.prepared('keyturn append', sql, values);
  return row === undefined ? null : head;
}

/**
 * Writes a batch behind whatever is there by now.
 * @param choose asked while nobody else can write: which texts it is to be, and what else belongs to the transaction. Default: those of the batch
 */
export async function writeUnderLock(
  place: LedgerPlace,
  { leases, changes, at, ...batch }: Batch,
  choose: (ask: Ask) => Promise<readonly string[]> = async () => batch.texts,
): Promise<Head> {
  const { connections, schema } = place;
  return connections.transaction(async (ask) => {
    const before = await lockedHead(ask, place);
    const texts = await choose(ask);
    const after = texts.length === 0 ? before : await append(ask, place, texts, before);
    // written even when nothing is appended: proves that the server takes it
    await moveHead(ask, place, after);
    await recordLeases(ask, schema, leases);
    if (changes.length > 0) {
      await ask(
        `INSERT INTO ${schema}.audit_changes AS c SELECT keyring, max(changed_at)
         FROM unnest($1::text[], $2::bigint[]) AS n (keyring, changed_at) GROUP BY keyring
         ON CONFLICT (keyring) DO UPDATE SET changed_at = greatest(c.changed_at, excluded.changed_at)`,
        [changes.map(({ keyring }) => keyring), changes.map(({ changedAt }) => changedAt)],
      );
    }
    if (passes(before, texts.length)) await sign(ask, place, after, at, false);
    return after;
  });
}

/**
 * On a full disk a head still moves: its row finds room in its own page. So after a failure a row as long as a block of a few records is put down, and taken
 * back; otherwise the log would count as written again every second, and fail with the next record.
 */
async function proveRoom(ask: Ask, { schema }: LedgerPlace): Promise<void> {
  await ask('SAVEPOINT room');
  await ask(`INSERT INTO ${schema}.audit_blocks VALUES (0, 0, 0, 0, 0, 0, '', '', convert_to(repeat('x', ${ROOM}), 'UTF8'))`);
  await ask('ROLLBACK TO SAVEPOINT room');
}

function passes({ sequence }: Head, records: number): boolean {
  return Math.floor((sequence + records) / RECORDS_BETWEEN_CHECKPOINTS) > Math.floor(sequence / RECORDS_BETWEEN_CHECKPOINTS);
}

async function append(ask: Ask, { schema, keys }: LedgerPlace, texts: readonly string[], before: Head): Promise<Head> {
  const { block, head } = sealBlock(texts, before, keys.mac);
  const { first, count, earliest, latest, actions, outcomes, mac, body } = block;
  const values = [first, count, earliest, latest, actions, outcomes, block.head, mac, body];
  await ask(`INSERT INTO ${schema}.audit_blocks VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, values);
  return head;
}

async function moveHead(ask: Ask, { schema, keys }: LedgerPlace, head: Head): Promise<void> {
  const values = [head.sequence, head.hash, headMac(keys.mac, head)];
  await ask(`UPDATE ${schema}.audit_head SET sequence = $1, hash = $2, mac = $3 WHERE id = 1`, values);
}

/** @param anchors the chain begins there after a drop */
async function sign(ask: Ask, { schema, keys }: LedgerPlace, head: Head, at: Instant, anchors: boolean): Promise<Checkpoint> {
  const made = signCheckpoint(head, at, keys.signing);
  await ask(
    `INSERT INTO ${schema}.audit_checkpoints VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (sequence, anchors) DO UPDATE SET at = excluded.at, hash = excluded.hash, signature = excluded.signature`,
    [made.sequence, made.at, made.hash, made.signature, anchors],
  );
  return made;
}

/**
 * Signs the head. The checkpoint takes the place of the oldest one that need not be kept (`NEWEST_CHECKPOINTS`), where there is one: a service that may add to
 * the log and delete nothing of it keeps them bounded too.
 */
async function signOnDemand(ask: Ask, place: LedgerPlace, head: Head, at: Instant): Promise<Checkpoint> {
  const checkpoints = `${place.schema}.audit_checkpoints`;
  await ask(
    `UPDATE ${checkpoints} SET sequence = $3
     WHERE NOT anchors AND NOT EXISTS (SELECT FROM ${checkpoints} WHERE NOT anchors AND sequence = $3) AND sequence = (
       SELECT old.sequence FROM ${checkpoints} AS old
       WHERE NOT old.anchors
         AND old.sequence < (SELECT sequence FROM ${checkpoints} WHERE NOT anchors ORDER BY sequence DESC LIMIT 1 OFFSET $2::bigint - 1)
         AND EXISTS (
           SELECT FROM ${checkpoints} AS later
           WHERE NOT later.anchors AND later.sequence > old.sequence AND later.sequence < (old.sequence / $1::bigint + 1) * $1::bigint
         )
       ORDER BY old.sequence LIMIT 1
     )`,
    [RECORDS_BETWEEN_CHECKPOINTS, NEWEST_CHECKPOINTS, head.sequence],
  );
  return sign(ask, place, head, at, false); // over that row, in the same transaction
}

async function drop(place: LedgerPlace, anchor: Checkpoint): Promise<void> {
  const { connections, schema } = place;
  const { sequence, at } = anchor;
  const hash = Buffer.from(anchor.hash, 'hex');
  await connections.transaction(async (ask) => {
    await lockedHead(ask, place);
    const passed = `
      SELECT first FROM ${schema}.audit_blocks
      WHERE first = (SELECT max(first) FROM ${schema}.audit_blocks WHERE first <= $1) AND first + count - 1 = $1 AND head = $2
        AND NOT EXISTS (SELECT FROM ${schema}.audit_checkpoints WHERE anchors AND sequence >= $1)`;
    if ((await ask(passed, [sequence, hash])).length === 0) throw offTheChain(anchor);
    await sign(ask, place, { sequence, hash }, at, true);
    await ask(`DELETE FROM ${schema}.audit_checkpoints WHERE sequence < $1 OR (anchors AND sequence <> $1)`, [sequence]);
  });
}

/** @param closed whether to leave the rest: a million blocks take half a minute */
async function clear({ connections, schema }: LedgerPlace, sequence: number, closed: () => boolean): Promise<void> {
  const some = `
    DELETE FROM ${schema}.audit_blocks
    WHERE first IN (SELECT first FROM ${schema}.audit_blocks WHERE first <= $1 ORDER BY first LIMIT $2) RETURNING first`;
  while (!closed() && (await connections.query(some, [sequence, BLOCKS_CLEARED_AT_ONCE])).length > 0);
}

/** The head, until the transaction ends nobody else's. One that is missing or forged is not written on: that would cover the traces. */
async function lockedHead(ask: Ask, { schema, keys }: LedgerPlace): Promise<Head> {
  const [row] = await ask(`SELECT sequence, hash, mac FROM ${schema}.audit_head FOR UPDATE`);
  const head = row === undefined ? null : headOf(row);
  if (row !== undefined && head !== null && sameBytes(bytesOf(row, 'mac'), headMac(keys.mac, head))) return head;
  throw altered(head ?? GENESIS);
}

/** The head begins with the log, and is where its last block ends. */
async function proveEnd(ask: Ask, place: LedgerPlace): Promise<Head> {
  const { schema, keys } = place;
  const [last] = await ask(`SELECT first, count, head AS hash FROM ${schema}.audit_blocks ORDER BY first DESC LIMIT 1`);
  const [anchor] = await ask(`SELECT sequence, hash FROM ${schema}.audit_checkpoints WHERE anchors ORDER BY sequence DESC LIMIT 1`);
  if (last === undefined && anchor === undefined) {
    const values = [GENESIS.hash, headMac(keys.mac, GENESIS)];
    await ask(`INSERT INTO ${schema}.audit_head VALUES (1, 0, $1, $2) ON CONFLICT DO NOTHING`, values);
  }
  const head = await lockedHead(ask, place);
  // Read again under the lock: other replicas may have written meanwhile.
  const [block] = await ask(`SELECT first + count - 1 AS sequence, head AS hash FROM ${schema}.audit_blocks ORDER BY first DESC LIMIT 1`);
  const end = block === undefined ? head : headOf(block);
  if (head.sequence !== end.sequence || !sameBytes(head.hash, end.hash)) throw altered(head);
  return head;
}

function headOf(row: Row): Head {
  return { sequence: numberOf(row, 'sequence'), hash: bytesOf(row, 'hash') };
}

function altered({ sequence, hash }: Head): KeyturnError {
  return new KeyturnError(
    'corrupt_document',
    `The end of the audit log is not what Keyturn wrote (record ${sequence}, hash ${hex(hash).slice(0, 16)}…). Somebody changed the tables audit_head or audit_blocks, or they come from another database. Keep a copy, verify it, and restore them from a backup.`,
  );
}
