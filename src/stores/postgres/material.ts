import { KeyturnError } from '../../core/errors.ts';
import { parseKeyringName } from '../../core/name.ts';
import type { Secret } from '../../core/secret.ts';
import type { MaterialNonce } from '../../core/version.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { CallOptions, FingerprintIndex, MaterialEntry, MaterialRef, Store } from '../../ports/store.ts';
import { fingerprint, type MasterKey, sameSecret, seal, unseal } from '../sealing.ts';
import type { Connections } from './connections.ts';
import { bytesOf, numberOf, orNull, type Row, textOf } from './row.ts';

/** The key of the last entry of a page. */
const CURSOR = /^([^/]+)\/(\d{1,9})\/([^/]+)$/;

export interface Keeper {
  readonly masterKey: MasterKey;
  readonly fingerprintKey: Secret;
  readonly clock: Clock;
  readonly random: Random;
}

export type MaterialRows = Pick<Store, 'putMaterial' | 'getMaterial' | 'destroyMaterial' | 'pageMaterial'> & FingerprintIndex;

/** Sealed material as rows, which stay as tombstones, without their bytes, after destruction. */
export function materialIn(connections: Connections, schema: string, keeper: Keeper): MaterialRows {
  const { masterKey, fingerprintKey, clock } = keeper;
  const find = `SELECT destroyed_at, sealed FROM ${schema}.material WHERE keyring = $1 AND version = $2 AND nonce = $3`;
  const insert = `
    INSERT INTO ${schema}.material (keyring, version, nonce, stored_at, sealed, fingerprint)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id`;
  const bury = `
    INSERT INTO ${schema}.material AS m (keyring, version, nonce, stored_at, destroyed_at) VALUES ($1, $2, $3, $4, $4)
    ON CONFLICT (keyring, version, nonce) DO UPDATE SET sealed = NULL, destroyed_at = $4 WHERE m.destroyed_at IS NULL`;
  const pages = `
    SELECT keyring, version, nonce, stored_at FROM ${schema}.material
    WHERE destroyed_at IS NULL AND (keyring, version, nonce) > ($1, $2, $3)
    ORDER BY keyring, version, nonce LIMIT $4`;
  const alike = `
    SELECT keyring, version, nonce, stored_at FROM ${schema}.material WHERE fingerprint = $1 ORDER BY id LIMIT 100`;

  async function lookUp(ref: MaterialRef, options?: CallOptions): Promise<Row | undefined> {
    return (await connections.query(find, keyOf(ref), options))[0];
  }

  function open(row: Row, ref: MaterialRef): Secret {
    return unseal(orNull(bytesOf, row, 'sealed') ?? new Uint8Array(), ref, masterKey);
  }

  return {
    async putMaterial(ref, material, options) {
      const added = await connections.query(insert, rowOf(ref, material, keeper), options);
      if (added.length > 0) return;
      const row = await lookUp(ref, options);
      if (row === undefined || isDestroyed(row) || !sameSecret(material, open(row, ref))) throw materialExists(ref);
    },

    async getMaterial(ref, options) {
      const row = await lookUp(ref, options);
      return row === undefined || isDestroyed(row) ? undefined : open(row, ref);
    },

    async destroyMaterial(ref, options) {
      await connections.query(bury, [...keyOf(ref), clock.now()], options);
    },

    async pageMaterial(after, limit, options) {
      const from = after === null ? ['', 0, ''] : keyOf(readCursor(after));
      const found = (await connections.query(pages, [...from, limit + 1], options)).map(entryOf);
      const items = found.slice(0, limit);
      const last = items.at(-1);
      return { items, next: found.length > limit && last !== undefined ? keyOf(last.ref).join('/') : null };
    },

    async find(material) {
      const rows = await connections.query(alike, [fingerprint(material, fingerprintKey)]);
      return rows.map((row) => entryOf(row).ref);
    },
  };
}

/** The columns of a new row: keyring, version, nonce, stored_at, sealed, fingerprint. */
export function rowOf(ref: MaterialRef, material: Secret, { masterKey, fingerprintKey, clock, random }: Keeper): unknown[] {
  return [...keyOf(ref), clock.now(), seal(material, ref, masterKey, random), fingerprint(material, fingerprintKey)];
}

export function materialExists({ keyring, version }: MaterialRef): KeyturnError {
  return new KeyturnError(
    'material_exists',
    `Version ${version} of keyring ${keyring} has material under this reference already, or had it and it was destroyed. Store it under a new nonce.`,
  );
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

function isDestroyed(row: Row): boolean {
  return orNull(numberOf, row, 'destroyed_at') !== null;
}
