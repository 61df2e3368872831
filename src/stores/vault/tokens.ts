import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { KeyturnError } from '../../core/errors.ts';
import { HOUR, type Instant } from '../../core/time.ts';
import type { CallOptions } from '../../ports/store.ts';
import type { TokenFeed, TokenId, TokenRecord, TokenStore } from '../../ports/tokens.ts';
import { issuedOf, revokedOf, tokenFrom } from '../token-record.ts';
import { mapAtOnce } from './at-once.ts';
import type { Entries } from './entries.ts';
import type { IntentFeed } from './feed.ts';

const FOLDER = 'tokens/';
const ID = /^[0-9A-Za-z]{1,64}$/;
const VERSIONS_KEPT = 1;
/**
 * A last use is written down when the one on record is older than this, as every write is a whole entry. This replica knows its own to the minute, and says
 * so; what it says is lost when it ends.
 */
const USE_GRAIN = HOUR;

const NEVER = -USE_GRAIN;

const Kept = Compile(
  Type.Object(
    {
      createdAt: Type.Integer(),
      issued: Type.String(),
      revoked: Type.Union([Type.String(), Type.Null()]),
      lastUsedAt: Type.Union([Type.Integer(), Type.Null()]),
    },
    { additionalProperties: false },
  ),
);

interface Found {
  readonly record: TokenRecord;
  readonly version: number;
}

/** Issued tokens, one entry each. */
export function tokensIn(entries: Entries, feed: IntentFeed): TokenStore & TokenFeed {
  /** Instants of creation never change: a page needs to read only what it shows. */
  const createdAt = new Map<TokenId, Instant>();
  /** The last uses here, and those on record. */
  const usedAt = new Map<TokenId, Instant>();
  const writtenAt = new Map<TokenId, Instant>();

  async function find(id: TokenId, options?: CallOptions): Promise<Found | undefined> {
    const entry = await entries.read(FOLDER + id, options);
    if (entry.state === 'absent') return undefined;
    const record = readRecord(id, entry.state === 'held' ? entry.data : {});
    createdAt.set(id, record.createdAt);
    writtenAt.set(id, record.lastUsedAt ?? NEVER);
    const lastUsedAt = later(record.lastUsedAt, usedAt.get(id));
    return { record: { ...record, lastUsedAt }, version: entry.version };
  }

  async function write({ record, version }: Found, announced: boolean): Promise<boolean> {
    const path = FOLDER + record.id;
    if (announced) await feed.announce(path, version);
    const written = await entries.kv.write(path, keptOf(record), version);
    if (written === null) await entries.lookBeyond(path, version);
    else {
      entries.advance(path, written.version);
      writtenAt.set(record.id, record.lastUsedAt ?? NEVER);
    }
    return written !== null;
  }

  async function ids(): Promise<TokenId[]> {
    return (await entries.kv.list(FOLDER.slice(0, -1))).filter((id): id is TokenId => ID.test(id));
  }

  async function inOrder(): Promise<{ readonly id: TokenId; readonly at: Instant }[]> {
    const all = await mapAtOnce(await ids(), async (id) => ({ id, at: createdAt.get(id) ?? (await find(id))?.record.createdAt }));
    const known = all.flatMap(({ id, at }) => (at === undefined ? [] : [{ id, at }]));
    return known.sort((one, other) => other.at - one.at || (one.id > other.id ? -1 : 1));
  }

  async function use(id: TokenId, at: Instant): Promise<void> {
    usedAt.set(id, Math.max(at, usedAt.get(id) ?? NEVER));
    if (at < (writtenAt.get(id) ?? NEVER) + USE_GRAIN) return;
    const found = await find(id);
    // who loses this write loses it to a revocation, or to another use
    if (found !== undefined && at >= (writtenAt.get(id) ?? NEVER) + USE_GRAIN) await write(found, false);
  }

  return {
    async insert(record) {
      const path = FOLDER + record.id;
      if (entries.met(path) > 0) throw taken(record.id);
      await entries.kv.protect(path, VERSIONS_KEPT);
      if (!(await write({ record, version: 0 }, true))) throw taken(record.id);
    },

    async get(id) {
      return (await find(id))?.record;
    },

    async page(after, limit) {
      const order = await inOrder();
      const start = after === null ? 0 : order.findIndex(({ id }) => id === after) + 1;
      if (after !== null && start === 0) throw unknown();
      const shown = order.slice(start, start + limit);
      const items = (await mapAtOnce(shown, ({ id }) => find(id))).flatMap((found) => (found === undefined ? [] : [found.record]));
      return { items, next: order.length > start + limit ? (shown.at(-1)?.id ?? null) : null };
    },

    async revoke(id, revoked) {
      for (;;) {
        const found = await find(id);
        if (found === undefined || found.record.revoked !== null) return found?.record;
        const record = { ...found.record, revoked };
        if (await write({ ...found, record }, true)) return record;
      }
    },

    async markUsed(uses) {
      await mapAtOnce([...uses], ([id, at]) => use(id, at));
    },

    async changed(since) {
      const { cursor, paths } = await feed.changes(since, FOLDER);
      const changed = paths?.map((path) => path.slice(FOLDER.length)).filter((id): id is TokenId => ID.test(id)) ?? (await ids());
      const found = await mapAtOnce(changed, (id) => find(id));
      return { cursor, tokens: found.flatMap((token) => (token === undefined ? [] : [token.record])) };
    },
  };
}

function keptOf(record: TokenRecord): object {
  const { createdAt, lastUsedAt } = record;
  return { createdAt, issued: issuedOf(record), revoked: revokedOf(record.revoked), lastUsedAt };
}

function readRecord(id: TokenId, data: object): TokenRecord {
  if (Kept.Check(data)) return tokenFrom({ id, ...data });
  throw new KeyturnError(
    'corrupt_document',
    `Token ${id} cannot be read: its entry in Vault was deleted or changed by other hands. Undelete its last version there, or issue another.`,
  );
}

function later(one: Instant | null, other: Instant | undefined): Instant | null {
  return other === undefined ? one : Math.max(one ?? NEVER, other);
}

function taken(id: TokenId): KeyturnError {
  return new KeyturnError('conflict', `There is a token ${id} already. Issue it under another id.`);
}

function unknown(): KeyturnError {
  return new KeyturnError('invalid_request', 'There is no such token to go on after. Begin at the first page.');
}
