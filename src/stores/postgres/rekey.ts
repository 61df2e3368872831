import { KeyturnError } from '../../core/errors.ts';
import { parseKeyringName } from '../../core/name.ts';
import type { MaterialNonce } from '../../core/version.ts';
import type { RekeyProgress } from '../../ports/at-machine.ts';
import type { Random } from '../../ports/random.ts';
import type { MaterialRef } from '../../ports/store.ts';
import { type MasterKey, seal, sealedUnder, unseal } from '../sealing.ts';
import { type Ask, type Connections, nameOfSessions } from './connections.ts';
import { fenceMaterial } from './key-fence.ts';
import { LOCK_CLASS, quoted } from './migrations.ts';
import { bytesOf, numberOf, type Row, textOf } from './row.ts';
import { resealTexts } from './sealed-texts.ts';

export interface Rekey {
  /** Of another name than those of a service. */
  readonly connections: Connections;
  /** As the configuration names it. */
  readonly schema: string;
  readonly from: MasterKey;
  readonly to: MasterKey;
  readonly random: Random;
  /** Told after each batch is committed. */
  readonly progress: (done: RekeyProgress) => void;
}

const BATCH = 500;

/** The id of the key that the schema belongs to; null = it holds nothing yet. */
export async function establishedKey({ connections, schema }: Pick<Rekey, 'connections' | 'schema'>): Promise<string | null> {
  const [{ there } = {}] = await connections.query("SELECT to_regclass(format('%I.meta', $1::text)) IS NOT NULL AS there", [schema]);
  return there === true ? readMark((sql) => connections.query(sql), quoted(schema), 'master_key_id') : null;
}

/**
 * From here on no service starts on the schema, and nothing is sealed under the old key any more. Where one runs, or the schema belongs to the new key by
 * now, nothing is changed.
 * @throws KeyturnError `store_locked` where a service runs; `conflict` where a change to a third key is under way; `wrong_master_key`
 */
export async function beginRekey({ connections, schema, from, to }: Rekey): Promise<void> {
  const name = quoted(schema);
  const before = await connections.transaction(async (ask) => {
    await ask('SELECT pg_advisory_xact_lock($1, hashtext($2))', [LOCK_CLASS, schema]);
    const established = await keyInForce(ask, name);
    if (established === to.id) return 'done';
    if (established !== from.id) throw wrongKey(connections.where, established, from.id);
    const found = await readMark(ask, name, 'rekey_to');
    if (found !== null && found !== to.id) throw underWay(connections.where, found);
    await ask(`INSERT INTO ${name}.meta VALUES ('rekey_to', $1) ON CONFLICT DO NOTHING`, [to.id]);
    await fenceMaterial(ask, name, to.id);
    return found === null ? 'as it was' : 'begun';
  });
  if (before === 'done') return;
  // After the mark: a service that did not see it was connected before, and is seen here.
  const running = await servicesOn(connections, schema);
  if (running.length === 0) return;
  // What an earlier run has begun stays begun.
  if (before === 'as it was') await connections.transaction((ask) => takeBack(ask, name, { from, to }));
  throw inUse(connections.where, running);
}

/**
 * Seals all material anew, in batches; each entry says under which key it is, so a run that was interrupted is taken up where it was. The schema
 * belongs to the new key once every entry does.
 */
export async function resealAll(rekey: Rekey): Promise<RekeyProgress> {
  const { connections, from, to, random, progress } = rekey;
  const schema = quoted(rekey.schema);
  const next = `
    SELECT id, keyring, version, nonce, sealed FROM ${schema}.material
    WHERE destroyed_at IS NULL AND id > $1 ORDER BY id LIMIT ${BATCH}`;
  const update = `
    UPDATE ${schema}.material AS m SET sealed = n.after FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS n (id, before, after)
    WHERE m.id = n.id AND m.sealed = n.before RETURNING m.id`;
  let done: RekeyProgress = { resealed: 0, unreadable: 0 };
  for (let last = 0; ; ) {
    const rows = await connections.query(next, [last]);
    if (rows.length === 0) break;
    last = numberOf(rows.at(-1) ?? {}, 'id');
    const old = rows.filter((row) => sealedUnder(bytesOf(row, 'sealed')) !== to.id);
    const anew = old.flatMap((row) => resealed(row, from, to, random) ?? []);
    const columns = [anew.map(({ id }) => id), anew.map(({ before }) => before), anew.map(({ after }) => after)];
    const changed = anew.length === 0 ? [] : await connections.query(update, columns);
    done = { resealed: done.resealed + changed.length, unreadable: done.unreadable + old.length - anew.length };
    progress(done);
  }
  await connections.transaction((ask) => end(ask, schema, rekey));
  return done;
}

async function end(ask: Ask, schema: string, { connections, from, to, random }: Rekey): Promise<void> {
  // somebody else who ran this at the same time was first
  if ((await keyInForce(ask, schema)) === to.id) return;
  if ((await readMark(ask, schema, 'rekey_to')) !== to.id) throw takenBack(connections.where);
  await resealTexts(ask, schema, { from, to, random });
  await ask(`UPDATE ${schema}.meta SET value = $1 WHERE name = 'master_key_id'`, [to.id]);
  await ask(`DELETE FROM ${schema}.meta WHERE name = 'rekey_to'`);
}

/** Not what somebody else has gone on with, who ran this at the same time and met no service any more. */
async function takeBack(ask: Ask, schema: string, { from, to }: Pick<Rekey, 'from' | 'to'>): Promise<void> {
  if ((await keyInForce(ask, schema)) === to.id) return;
  await ask(`LOCK TABLE ${schema}.material IN ACCESS EXCLUSIVE MODE`);
  const anew = `SELECT id FROM ${schema}.material WHERE substring(sealed FROM 2 FOR 8) = decode($1, 'hex') LIMIT 1`;
  if ((await ask(anew, [to.id])).length > 0) return;
  await ask(`DELETE FROM ${schema}.meta WHERE name = 'rekey_to'`);
  await fenceMaterial(ask, schema, from.id);
}

/** The server's numbers of the sessions that services have; what is in front of the server may keep some after their service has ended. */
async function servicesOn(connections: Connections, schema: string): Promise<number[]> {
  const sessions = 'SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1 ORDER BY pid';
  return (await connections.query(sessions, [nameOfSessions(schema)])).map((row) => numberOf(row, 'pid'));
}

/** Until the transaction ends nobody else begins a change of the key, or ends one. */
async function keyInForce(ask: Ask, schema: string): Promise<string | null> {
  await ask(`SELECT value FROM ${schema}.meta WHERE name = 'master_key_id' FOR UPDATE`);
  return readMark(ask, schema, 'master_key_id');
}

async function readMark(ask: Ask, schema: string, name: 'master_key_id' | 'rekey_to'): Promise<string | null> {
  const [row] = await ask(`SELECT value FROM ${schema}.meta WHERE name = '${name}'`);
  return row === undefined ? null : textOf(row, 'value');
}

interface Resealed {
  readonly id: number;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** Null: neither key opens it. It was damaged before, and stays as it is. */
function resealed(row: Row, from: MasterKey, to: MasterKey, random: Random): Resealed | null {
  const [ref, before] = [refOf(row), bytesOf(row, 'sealed')];
  try {
    return { id: numberOf(row, 'id'), before, after: seal(unseal(before, ref, from), ref, to, random) };
  } catch (error) {
    if (error instanceof KeyturnError && error.code === 'corrupt_material') return null;
    throw error;
  }
}

function refOf(row: Row): MaterialRef {
  return {
    keyring: parseKeyringName(textOf(row, 'keyring')),
    version: numberOf(row, 'version'),
    nonce: textOf(row, 'nonce') as MaterialNonce,
  };
}

/** @param established null = none is known */
export function wrongKey(where: string, established: string | null, given: string): KeyturnError {
  return new KeyturnError(
    'wrong_master_key',
    `The data in PostgreSQL at ${where} are sealed with the master key of id ${established}; the one given has id ${given}. Give the key they were sealed with.`,
  );
}

function takenBack(where: string): KeyturnError {
  return new KeyturnError(
    'conflict',
    `Another run of this met services that are connected to PostgreSQL at ${where}, and took the change of the master key back. Stop all replicas, and run this again.`,
  );
}

function underWay(where: string, target: string): KeyturnError {
  return new KeyturnError(
    'conflict',
    `The data in PostgreSQL at ${where} are being sealed anew under the master key of id ${target}. Finish that first, with that key.`,
  );
}

function inUse(where: string, pids: readonly number[]): KeyturnError {
  return new KeyturnError(
    'store_locked',
    `Services of Keyturn are connected to PostgreSQL at ${where} (sessions ${pids.join(', ')} there). Stop all replicas, and run this again; applications live on their leases meanwhile. A session whose replica is gone: SELECT pg_terminate_backend(…).`,
  );
}
