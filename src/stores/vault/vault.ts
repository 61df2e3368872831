import type { AuditKeys } from '../../audit/keys.ts';
import { KeyturnError } from '../../core/errors.ts';
import { toIso } from '../../core/time.ts';
import type { Clock } from '../../ports/clock.ts';
import type { MoveMarks } from '../../ports/move.ts';
import type { CallOptions, ChangeFeed, DueIndex, Store } from '../../ports/store.ts';
import type { TokenFeed, TokenStore, TokenTurns } from '../../ports/tokens.ts';
import { MemoryDueIndex } from '../memory-index.ts';
import { within } from '../within.ts';
import { auditKeysIn } from './audit-keys.ts';
import { type VaultClient, vaultClient } from './client.ts';
import { documentsIn } from './documents.ts';
import { Entries } from './entries.ts';
import { IntentFeed } from './feed.ts';
import { KeyValues } from './kv.ts';
import { materialIn } from './material.ts';
import { moveMarksIn } from './move.ts';
import { CALL_LIMIT, type VaultOptions } from './options.ts';
import { tokensIn } from './tokens.ts';
import { Turns } from './turns.ts';

const CHECKED = 'checked';

export type VaultStore = Store & DueIndex & ChangeFeed;

/** Everything that one prefix of one mount keeps. Any number of processes may have it open. */
export interface Vault {
  readonly store: VaultStore;
  readonly tokens: TokenStore & TokenFeed & TokenTurns;
  /** Of the audit logs that the replicas keep, each in its data folder: one pair for all of them. */
  readonly auditKeys: AuditKeys;
  readonly move: MoveMarks;
  /** Ends all parts. Harmless a second time. */
  close(): Promise<void>;
}

/**
 * Opens the store in HashiCorp Vault or OpenBao, logs in and writes once, so that a wrong mount or a policy that lacks something is found now.
 * @throws KeyturnError `invalid_config`, `store_unavailable`, `store_read_only`, `store_full`
 */
export async function openVault(options: VaultOptions): Promise<Vault> {
  const client = await connect(options);
  const entries = new Entries(new KeyValues(client, options.mount, options.prefix), options.timers);
  const feed = new IntentFeed(entries, options.random);
  const store = vaultStore(client, entries, feed, options);
  try {
    await store.check();
    const turns = new Turns(entries, options.clock, options.random);
    const tokens = { ...tokensIn(entries, feed), alone: <Result>(body: () => Promise<Result>) => turns.alone(body) };
    return { store, tokens, auditKeys: await auditKeysIn(entries, options.random), move: moveMarksIn(entries), close: () => store.close() };
  } catch (error) {
    client.close();
    throw error;
  }
}

async function connect(options: VaultOptions): Promise<VaultClient> {
  try {
    return await vaultClient(options);
  } catch (cause) {
    throw new KeyturnError('invalid_config', `The CA file ${options.caFile} of Vault cannot be read, or holds no certificates.`, { cause });
  }
}

function vaultStore(client: VaultClient, entries: Entries, feed: IntentFeed, { clock, timeout = CALL_LIMIT }: VaultOptions): VaultStore {
  const documents = documentsIn(entries, feed);
  const material = materialIn(entries);
  const index = new MemoryDueIndex(documents);

  /** Some calls are answered from what was met before: these too are refused by a store that is closed, and by a caller that gave up. */
  async function call<Result>(options: CallOptions | undefined, action: () => Promise<Result>): Promise<Result> {
    client.requireOpen(options);
    return action();
  }

  return {
    kind: 'vault',
    load: (name, options) => call(options, () => documents.load(name, options)),
    swap: (keyring, expected, options) => call(options, () => documents.swap(keyring, expected, within(timeout, options))),
    page: (after, limit, options) => call(options, () => documents.page(after, limit, options)),
    due: (now, after, limit, options) => call(options, () => index.due(now, after, limit, options)),
    changes: (since, options) => call(options, () => documents.changes(since, options)),
    putMaterial: (ref, secret, options) => call(options, () => material.put(ref, secret, within(timeout, options))),
    getMaterial: (ref, options) => call(options, () => material.get(ref, options)),
    destroyMaterial: (ref, options) => call(options, () => material.destroy(ref, options)),
    pageMaterial: (after, limit, options) => call(options, () => material.page(after, limit, options)),
    check: (options) => call(options, () => check(entries, clock, options)),
    close: async () => client.close(),
  };
}

/** A real write: a sealed Vault, a read-only token and a full disk answer some reads as if nothing were wrong. */
async function check(entries: Entries, clock: Clock, options?: CallOptions): Promise<void> {
  const entry = await entries.read(CHECKED, options);
  if (entry.state === 'absent') await entries.kv.protect(CHECKED, 1, options);
  const cas = entry.state === 'absent' ? 0 : entry.version;
  const written = await entries.kv.write(CHECKED, { at: toIso(clock.now()) }, cas, options);
  // null: another replica wrote here in this moment, which shows the same
  if (written !== null) entries.advance(CHECKED, written.version);
}
