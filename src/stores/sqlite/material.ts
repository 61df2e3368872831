import { KeyturnError } from '../../core/errors.ts';
import { parseKeyringName } from '../../core/name.ts';
import type { Secret } from '../../core/secret.ts';
import type { MaterialNonce } from '../../core/version.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { MaterialEntry, MaterialRef, Page } from '../../ports/store.ts';
import { fingerprint, type MasterKey, sameSecret, seal, unseal } from '../sealing.ts';
import type { Database } from './database.ts';
import { bytesOf, numberOf, orNull, type Row, textOf } from './row.ts';

const FIND = `
  SELECT id, destroyed_at, bytes FROM material LEFT JOIN sealed USING (id)
  WHERE keyring = ? AND version = ? AND nonce = ?`;

const INSERT = 'INSERT INTO material (keyring, version, nonce, stored_at, destroyed_at) VALUES (?, ?, ?, ?, ?) RETURNING id';

const PAGE = `
  SELECT keyring, version, nonce, stored_at FROM material
  WHERE destroyed_at IS NULL AND (keyring, version, nonce) > (?, ?, ?)
  ORDER BY keyring, version, nonce LIMIT ?`;

const ALIKE = `
  SELECT keyring, version, nonce, stored_at FROM fingerprints JOIN material USING (id)
  WHERE fingerprint = ? ORDER BY id LIMIT 100`;

const UNMARKED = `
  SELECT id, keyring, version, nonce, stored_at, bytes FROM material JOIN sealed USING (id)
  WHERE destroyed_at IS NULL AND id NOT IN (SELECT id FROM fingerprints)`;

/** The key of the last entry of a page. */
const CURSOR = /^([^/]+)\/(\d+)\/([^/]+)$/;

interface Keeper {
  readonly masterKey: MasterKey;
  readonly fingerprintKey: Secret;
  readonly clock: Clock;
  readonly random: Random;
}

export type MaterialRows = ReturnType<typeof materialIn>;

/** Sealed material as rows, which stay as tombstones after destruction. */
export function materialIn(database: Database, { masterKey, fingerprintKey, clock, random }: Keeper) {
  const find = database.prepare(FIND);
  const insert = database.prepare(INSERT);
  const insertSealed = database.prepare('INSERT INTO sealed (id, bytes) VALUES (?, ?)');
  const insertFingerprint = database.prepare('INSERT INTO fingerprints (id, fingerprint) VALUES (?, ?)');
  const alike = database.prepare(ALIKE);
  const blank = database.prepare('UPDATE sealed SET bytes = zeroblob(length(bytes)) WHERE id = ?');
  const bury = database.prepare('UPDATE material SET destroyed_at = ? WHERE id = ?');
  const pages = database.prepare(PAGE);
  const truncate = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)');

  const lookUp = (ref: MaterialRef) => find.first(...keyOf(ref));

  /** Nobody refers to it yet; the swap that does makes both durable. */
  function add(ref: MaterialRef, material: Secret): void {
    const sealed = seal(material, ref, masterKey, random);
    database.unsynced(() => {
      const id = idOf(insert.first(...keyOf(ref), clock.now(), null));
      insertSealed.run(id, sealed);
      insertFingerprint.run(id, fingerprint(material, fingerprintKey));
    });
  }

  function open(row: Row, ref: MaterialRef): Secret {
    return unseal(orNull(bytesOf, row, 'bytes') ?? new Uint8Array(), ref, masterKey);
  }

  function openedOrNull(row: Row): Secret | null {
    try {
      return open(row, entryOf(row).ref);
    } catch {
      return null;
    }
  }

  function erase(row: Row): void {
    if (isDestroyed(row)) return;
    database.transaction(() => {
      blank.run(idOf(row));
      bury.run(clock.now(), idOf(row));
    });
  }

  /** The write-ahead log still holds what was overwritten in the database. */
  function emptyLog(): void {
    if (truncate.first()?.busy === 0) return;
    throw new KeyturnError('store_unavailable', `The log of the database in ${database.dataDir} cannot be emptied now. Try again.`);
  }

  return {
    put(ref: MaterialRef, material: Secret): void {
      const row = lookUp(ref);
      if (row === undefined) add(ref, material);
      else if (isDestroyed(row) || !sameSecret(material, open(row, ref))) throw exists(ref);
    },

    get(ref: MaterialRef): Secret | undefined {
      const row = lookUp(ref);
      return row === undefined || isDestroyed(row) ? undefined : open(row, ref);
    },

    /** Empties the log every time: a crash may have come between an earlier destruction and that. */
    destroy(ref: MaterialRef): void {
      const row = lookUp(ref);
      if (row === undefined) insert.all(...keyOf(ref), clock.now(), clock.now());
      else erase(row);
      emptyLog();
    },

    find(material: Secret): MaterialRef[] {
      return alike.all(fingerprint(material, fingerprintKey)).map((row) => entryOf(row).ref);
    },

    /** Fingerprints of what was stored before there were any. An entry that cannot be opened goes without: reading it says so. */
    markAll(): void {
      const rows = database.prepare(UNMARKED).all();
      database.transaction(() => {
        for (const row of rows) {
          const material = openedOrNull(row);
          if (material !== null) insertFingerprint.run(idOf(row), fingerprint(material, fingerprintKey));
        }
      });
    },

    page(after: string | null, limit: number): Page<MaterialEntry, string> {
      const found = pages.all(...(after === null ? ['', 0, ''] : keyOf(readCursor(after))), limit + 1).map(entryOf);
      const items = found.slice(0, limit);
      const last = items.at(-1);
      return { items, next: found.length > limit && last !== undefined ? keyOf(last.ref).join('/') : null };
    },
  };
}

function keyOf({ keyring, version, nonce }: MaterialRef): [string, number, string] {
  return [keyring, version, nonce];
}

/** @throws KeyturnError `invalid_request` */
function readCursor(cursor: string): MaterialRef {
  const [, keyring, version, nonce] = CURSOR.exec(cursor) ?? [];
  if (keyring === undefined || version === undefined || nonce === undefined) {
    throw new KeyturnError('invalid_request', 'The cursor is not one of this store. Begin at the first page.');
  }
  return { keyring: parseKeyringName(keyring), version: Number(version), nonce: nonce as MaterialNonce };
}

function entryOf(row: Row): MaterialEntry {
  const ref = {
    keyring: parseKeyringName(textOf(row, 'keyring')),
    version: numberOf(row, 'version'),
    nonce: textOf(row, 'nonce') as MaterialNonce,
  };
  return { ref, storedAt: numberOf(row, 'stored_at') };
}

function idOf(row: Row | undefined): number {
  return numberOf(row ?? {}, 'id');
}

function isDestroyed(row: Row): boolean {
  return orNull(numberOf, row, 'destroyed_at') !== null;
}

function exists({ keyring, version }: MaterialRef): KeyturnError {
  return new KeyturnError(
    'material_exists',
    `Version ${version} of keyring ${keyring} has material under this reference already, or had it and it was destroyed. Store it under a new nonce.`,
  );
}
