import { sealBlock } from '../../../audit/block.ts';
import { GENESIS, type Head, headMac, hex, sameBytes } from '../../../audit/chain.ts';
import { NEWEST_CHECKPOINTS, RECORDS_BETWEEN_CHECKPOINTS } from '../../../audit/checkpoints.ts';
import { type AuditKeys, signCheckpoint } from '../../../audit/keys.ts';
import { type Batch, EVERY_BLOCK, offTheChain } from '../../../audit/ledger.ts';
import { KeyturnError } from '../../../core/errors.ts';
import type { Instant } from '../../../core/time.ts';
import type { Checkpoint } from '../../../ports/audit.ts';
import type { LeaseGrant } from '../../../ports/leases.ts';
import type { Database } from '../database.ts';
import { sqliteLedgerReader } from './reader.ts';
import { openAuditDatabase } from './schema.ts';

/** Of what was dropped, the blocks of so many records go at once: commits wait for that. */
const RECORDS_CLEARED_AT_ONCE = 4_096;
const CHECKPOINTS_CLEARED_AT_ONCE = 1_000;

/** Writes grants in the transaction that is open. */
export type RecordLeases = (grants: readonly LeaseGrant[]) => void;

/** Makes `RecordLeases` for the database that the log is in, once. */
export type PrepareLeases = (database: Database) => RecordLeases;

/** The writing side of an audit database, synchronous: every method blocks until the disk has it. */
export interface AuditDatabase {
  commit(batch: Batch): void;
  checkpoint(at: Instant): Checkpoint;
  /** The blocks before the anchor stay until `clear` removes them. @throws KeyturnError `export_mismatch` */
  drop(anchor: Checkpoint): void;
  /** Removes some blocks that were dropped. @returns whether there were any */
  clear(): boolean;
  close(): void;
}

/** @throws KeyturnError what keeps it from being opened; `corrupt_document` where its head is not what these keys sealed */
export function openAuditWriter(path: string, keys: AuditKeys, prepareLeases: PrepareLeases): AuditDatabase {
  const database = openAuditDatabase(path);
  try {
    const writer = writerOn(database, keys, prepareLeases(database));
    while (writer.clear());
    return writer;
  } catch (error) {
    database.close();
    throw error;
  }
}

function writerOn(database: Database, keys: AuditKeys, recordLeases: RecordLeases): AuditDatabase {
  const statements = prepareStatements(database);
  statements.keys.run(keys.publicKey);
  let head = openHead(database, keys);
  let checkpointed = head.sequence;
  const reader = sqliteLedgerReader(database);

  function begin(): number {
    return reader.anchor()?.sequence ?? 0;
  }

  function append(texts: readonly string[]): Head {
    const sealed = sealBlock(texts, head, keys.mac);
    const { first, count, earliest, latest, actions, outcomes, mac, body } = sealed.block;
    statements.block.run(first, count, earliest, latest, actions, outcomes, sealed.block.head, mac, body);
    return sealed.head;
  }

  function sign(point: Head, at: Instant, anchors: 0 | 1): Checkpoint {
    const made = signCheckpoint(point, at, keys.signing);
    statements.checkpoint.run(made.sequence, made.at, made.hash, made.signature, anchors);
    return made;
  }

  return {
    commit({ texts, leases, changes, at }) {
      const due = head.sequence + texts.length - checkpointed >= RECORDS_BETWEEN_CHECKPOINTS;
      const next = database.transaction(() => {
        const after = texts.length === 0 ? head : append(texts);
        // written even when nothing is appended: proves that the disk takes it
        statements.head.run(after.sequence, after.hash, headMac(keys.mac, after));
        if (leases.length > 0) recordLeases(leases);
        for (const { keyring, changedAt } of changes) statements.change.run(keyring, changedAt);
        if (due) sign(after, at, 0);
        return after;
      });
      head = next;
      if (due) checkpointed = head.sequence;
    },
    checkpoint(at) {
      const made = database.transaction(() => {
        statements.thin.run(RECORDS_BETWEEN_CHECKPOINTS, NEWEST_CHECKPOINTS, CHECKPOINTS_CLEARED_AT_ONCE);
        return sign(head, at, 0);
      });
      checkpointed = head.sequence;
      return made;
    },
    drop(anchor) {
      database.transaction(() => {
        const point = { sequence: anchor.sequence, hash: Buffer.from(anchor.hash, 'hex') };
        const [block] = statements.passes.all(point.sequence, point.hash);
        if (block === undefined || point.sequence <= begin()) throw offTheChain(anchor);
        sign(point, anchor.at, 1);
        statements.dropCheckpoints.run(point.sequence, point.sequence);
      });
    },
    // a crash that undoes it leaves blocks that the next start removes
    clear: () => database.unsynced(() => statements.clear.run(begin(), RECORDS_CLEARED_AT_ONCE) > 0),
    close: () => database.close(),
  };
}

function prepareStatements(database: Database) {
  return {
    block: database.prepare('INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    head: database.prepare('INSERT INTO head VALUES (1, ?, ?, ?) ON CONFLICT DO UPDATE SET sequence = ?1, hash = ?2, mac = ?3'),
    checkpoint: database.prepare('INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?)'),
    change: database.prepare(
      'INSERT INTO changes VALUES (?, ?) ON CONFLICT DO UPDATE SET changed_at = max(changed_at, excluded.changed_at)',
    ),
    keys: database.prepare('INSERT INTO keys VALUES (1, ?) ON CONFLICT DO UPDATE SET public = excluded.public'),
    passes: database.prepare(
      'SELECT first FROM blocks WHERE first = (SELECT max(first) FROM blocks WHERE first <= ?1) AND first + count - 1 = ?1 AND head = ?2',
    ),
    clear: database.prepare('DELETE FROM blocks WHERE first <= ?1 AND first < (SELECT min(first) FROM blocks) + ?2'),
    thin: database.prepare(`
      DELETE FROM checkpoints WHERE anchors = 0 AND sequence IN (
        SELECT old.sequence FROM checkpoints AS old
        WHERE old.anchors = 0
          AND old.sequence < (SELECT sequence FROM checkpoints WHERE anchors = 0 ORDER BY sequence DESC LIMIT 1 OFFSET ?2 - 1)
          AND EXISTS (
            SELECT 1 FROM checkpoints AS later
            WHERE later.anchors = 0 AND later.sequence > old.sequence AND later.sequence < (old.sequence / ?1 + 1) * ?1
          )
        ORDER BY old.sequence LIMIT ?3
      )`),
    dropCheckpoints: database.prepare('DELETE FROM checkpoints WHERE sequence < ? OR (anchors = 1 AND sequence <> ?)'),
  };
}

/** The head as the last commit left it. A log whose head is missing or forged is not written on: that would cover the traces. */
function openHead(database: Database, keys: AuditKeys): Head {
  const reader = sqliteLedgerReader(database);
  const [last] = reader.blocks({ ...EVERY_BLOCK, order: 'newest', limit: 1 });
  const anchor = reader.anchor();
  const stored = reader.head();
  const begin = anchor === null ? GENESIS : { sequence: anchor.sequence, hash: Buffer.from(anchor.hash, 'hex') };
  const end = last === undefined ? begin : { sequence: last.first + last.count - 1, hash: last.head };
  if (stored === null && end.sequence === 0) return GENESIS;
  const proven = stored !== null && sameBytes(stored.mac, headMac(keys.mac, stored));
  if (proven && stored.sequence === end.sequence && sameBytes(stored.hash, end.hash)) return end;
  throw new KeyturnError(
    'corrupt_document',
    `The end of the audit log is not what Keyturn wrote (it ends at record ${end.sequence}, hash ${hex(end.hash).slice(0, 16)}…). Somebody changed audit.db, or it comes from another data folder. Keep a copy, run \`keyturn audit verify --data-dir\` on it, then restore audit.db from a backup or move it away to begin a new log.`,
  );
}
