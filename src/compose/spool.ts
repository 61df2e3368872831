import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { GroupJournal } from '../audit/journal.ts';
import type { AuditKeys } from '../audit/keys.ts';
import { moveSpool } from '../audit/move-spool.ts';
import { labelOf, type SpoolReceiver, spoolKeys, spoolName } from '../audit/spool.ts';
import { codeOf } from '../core/errors.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { Journal } from '../ports/journal.ts';
import type { Random } from '../ports/random.ts';
import { Spools } from '../stores/sqlite/audit/spools.ts';

export interface SpoolOptions {
  readonly dataDir: string;
  readonly mostBytes: number;
  /** Of the shared log. */
  readonly keys: AuditKeys;
  readonly receiver: SpoolReceiver;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}

/** What a replica writes down while the log that it shares cannot be written. */
export interface Spool {
  readonly journal: Pick<Journal, 'append'>;
  /** False: it is full, or there is no place to write. */
  readonly healthy: boolean;
  /** Records that were not moved into the shared log yet. */
  readonly records: number;
  /** Durable here since the start. */
  readonly written: number;
  /** Moves what is there into the shared log. Called again while it runs it does nothing. @throws KeyturnError what kept it; nothing is lost then */
  move(): Promise<void>;
  /** Writes what is pending. What was not moved is moved by the next start. */
  close(): Promise<void>;
}

/** Begins the spool, so that an outage finds it open: where that fails it says so, and goes on trying. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { dataDir, mostBytes, keys, receiver, clock, timers, random, logger } = options;
  const newName = () => spoolName(clock.now(), hostname(), random);
  const spools = new Spools({ dataDir, mostBytes, newName, keysOf: (name) => spoolKeys(keys, name, random) });
  const report = (failure: Error | null): void => {
    if (failure === null) logger.info({ dataDir }, 'audit spool can be written again');
    else logger.warn({ dataDir, code: codeOf(failure), err: failure }, 'no audit spool: while the database is out, reads have no record');
  };
  const writer = { commit: spools.commit.bind(spools) };
  const journal = new GroupJournal({ writer, clock, timers, report });
  await journal.flush();
  let isMoving = false;

  async function moveAll(): Promise<void> {
    spools.retire();
    await spools.each(async (spool) => {
      const { mac } = spoolKeys(keys, spool.name, random);
      const { records, problems } = await moveSpool(spool, { receiver, mac, now: () => clock.now() });
      if (records > 0 || problems.length > 0) logger.info({ spool: labelOf(spool.name), records }, 'spooled audit records moved');
      if (problems.length === 0) return void spool.discard();
      const kept = spool.setAside();
      for (const problem of problems) logger.error({ spool: labelOf(spool.name), problem, kept }, 'spool of the audit log was altered');
    });
    if (!spools.isOpen) await journal.flush();
  }

  return {
    journal,
    get healthy() {
      return journal.healthy;
    },
    get records() {
      return spools.records;
    },
    get written() {
      return journal.figures.records;
    },
    async move() {
      if (isMoving) return;
      isMoving = true;
      try {
        await moveAll();
      } finally {
        isMoving = false;
      }
    },
    async close() {
      await journal.flush();
      journal.stop();
      spools.close();
    },
  };
}
