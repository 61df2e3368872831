import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditKeys } from '../../../audit/keys.ts';
import type { Batch, LedgerWriter } from '../../../audit/ledger.ts';
import type { SpoolAtRest } from '../../../audit/spool.ts';
import { codeOf, KeyturnError } from '../../../core/errors.ts';
import { syncFolder } from '../../sync-folder.ts';
import { type Database, databasePath, openDatabase } from '../database.ts';
import { isDamage } from '../errors.ts';
import { sqliteLedgerReader } from './reader.ts';
import { auditPath, openAuditDatabase, openAuditForReading } from './schema.ts';
import { inlineLedger } from './threads.ts';

export interface SpoolsOptions {
  readonly dataDir: string;
  /** Of records, in bytes, over all spools that were not moved yet; the files take a few MB more. */
  readonly mostBytes: number;
  readonly newName: () => string;
  readonly keysOf: (name: string) => AuditKeys;
}

/** The spool that is written. */
interface Current {
  readonly name: string;
  readonly lock: Database;
  readonly writer: LedgerWriter;
  records: number;
  bytes: number;
}

interface Resting {
  /** As this process counted them; null where another one did. */
  readonly written: number | null;
  readonly bytes: number;
  /** Known of another process's once it was opened. */
  records: number;
}

/** What a record takes beside its text, and a block beside its records. */
const RECORD_BYTES = 12;
const BLOCK_BYTES = 200;
const DAMAGED = '.damaged';

export function spoolFolder(dataDir: string): string {
  return join(dataDir, 'spool');
}

/** Folders of spools that were set aside because they were not what was written. */
export function damagedSpools(dataDir: string): string[] {
  const damaged = namesIn(dataDir).filter((name) => name.endsWith(DAMAGED));
  return damaged.map((name) => join(spoolFolder(dataDir), name));
}

/** Folders of spools whose records were not moved into the log yet, or that cannot be read; an empty one, as each replica keeps at hand, is none. */
export function unmovedSpools(dataDir: string): string[] {
  const folders = namesIn(dataDir).flatMap((name) => (name.endsWith(DAMAGED) ? [] : [join(spoolFolder(dataDir), name)]));
  return folders.filter(hasRecords);
}

function hasRecords(folder: string): boolean {
  if (!existsSync(auditPath(folder))) return false;
  try {
    const reader = sqliteLedgerReader(openAuditForReading(auditPath(folder)));
    try {
      return (reader.head()?.sequence ?? 0) > 0;
    } finally {
      reader.close();
    }
  } catch {
    return existsSync(folder);
  }
}

/**
 * The spools in a data folder. Each has a folder of its own, with a log like that of the embedded store, and is locked like one: so no process takes a
 * spool for left over that another one writes.
 */
export class Spools {
  readonly #options: SpoolsOptions;
  /** The oldest first. */
  readonly #resting = new Map<string, Resting>();
  #current: Current | null = null;
  #isFull = false;

  constructor(options: SpoolsOptions) {
    this.#options = options;
    for (const name of namesIn(options.dataDir))
      if (!name.endsWith(DAMAGED)) this.#resting.set(name, { written: null, bytes: 0, records: 0 });
  }

  /** Records in spools that were not moved to their end yet. */
  get records(): number {
    return this.#each.reduce((sum, { records }) => sum + records, 0);
  }

  get isOpen(): boolean {
    return this.#current !== null;
  }

  /** As the writer of a ledger; begins a spool where there is none. Blocks until the disk has it. An empty batch proves that one could be written. */
  commit({ texts, at }: Pick<Batch, 'texts' | 'at'>, done: (failure: Error | null) => void): void {
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + RECORD_BYTES, texts.length === 0 ? 0 : BLOCK_BYTES);
    if (this.#bytes + bytes > this.#options.mostBytes) this.#isFull = true;
    if (this.#isFull) return void done(fullSpool());
    let current: Current;
    try {
      this.#current ??= this.#begin();
      current = this.#current;
    } catch (error) {
      return void done(error instanceof Error ? error : new Error('The spool cannot be begun', { cause: error }));
    }
    current.writer.commit({ texts, leases: [], changes: [], at }, (failure) => {
      if (failure === null) {
        current.records += texts.length;
        current.bytes += bytes;
      }
      done(failure);
    });
  }

  /** Ends the spool that is written, if anything is in it: it is then at rest. */
  retire(): void {
    if (this.#current === null || this.#current.records === 0) return;
    const { name, records, bytes } = this.#current;
    this.#end();
    this.#resting.set(name, { written: records, bytes, records });
  }

  /**
   * Takes those at rest in their order; each is locked while it is worked on. One that another process has is that process's, and not looked at again.
   * @param work leaves its spool to the next call where it throws; the others follow all the same
   * @throws the first that was thrown
   */
  async each(work: (spool: SpoolAtRest) => Promise<void>): Promise<void> {
    const failures: unknown[] = [];
    for (const [name, resting] of [...this.#resting]) {
      try {
        await this.#locked(name, (lock) => work(this.#atRest(name, resting, lock)));
        this.#resting.delete(name);
        this.#isFull = false;
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** An empty spool goes; one with records stays for the next start. */
  close(): void {
    const current = this.#current;
    if (current === null) return;
    this.#end();
    if (current.records === 0) rmSync(this.#folder(current.name), { recursive: true, force: true });
  }

  #begin(): Current {
    const { dataDir, newName, keysOf } = this.#options;
    const name = newName();
    const folder = this.#folder(name);
    let lock: Database | null = null;
    try {
      lock = openDatabase(folder);
      const writer = inlineLedger(auditPath(folder), keysOf(name), () => () => undefined);
      for (const made of [folder, spoolFolder(dataDir), dataDir]) syncFolder(made);
      return { name, lock, writer, records: 0, bytes: 0 };
    } catch (error) {
      lock?.close();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  #end(): void {
    void this.#current?.writer.close();
    this.#current?.lock.close();
    this.#current = null;
  }

  get #each(): readonly Pick<Resting, 'records' | 'bytes'>[] {
    return [...this.#resting.values(), ...(this.#current === null ? [] : [this.#current])];
  }

  get #bytes(): number {
    return this.#each.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async #locked(name: string, work: (lock: Database) => Promise<void>): Promise<void> {
    const lock = this.#lock(name);
    if (lock === null) return;
    try {
      await work(lock);
    } finally {
      lock.close();
    }
  }

  #lock(name: string): Database | null {
    const folder = this.#folder(name);
    try {
      return openDatabase(folder);
    } catch (error) {
      if (codeOf(error) === 'store_locked') return null;
      if (!isDamage(error)) throw error;
      // nothing is in it: who could read that it is damaged has the lock
      rmSync(databasePath(folder));
      return openDatabase(folder);
    }
  }

  #atRest(name: string, resting: Resting, lock: Database): SpoolAtRest {
    const folder = this.#folder(name);
    return {
      name,
      written: resting.written,
      open() {
        const reader = sqliteLedgerReader(openAuditDatabase(auditPath(folder)));
        resting.records = reader.head()?.sequence ?? 0;
        return reader;
      },
      isDamage,
      discard() {
        lock.close();
        rmSync(folder, { recursive: true, force: true });
      },
      setAside() {
        lock.close();
        renameSync(folder, `${folder}${DAMAGED}`);
        return `${folder}${DAMAGED}`;
      },
    };
  }

  #folder(name: string): string {
    return join(spoolFolder(this.#options.dataDir), name);
  }
}

function namesIn(dataDir: string): string[] {
  try {
    return readdirSync(spoolFolder(dataDir)).sort();
  } catch {
    return []; // none, or not ours to read: then none can be written either
  }
}

function fullSpool(): KeyturnError {
  return new KeyturnError('store_full', 'The spool of the audit log is full (audit.spoolMegabytes).');
}
