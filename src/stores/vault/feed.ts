import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { KeyturnError } from '../../core/errors.ts';
import type { Random } from '../../ports/random.ts';
import type { CallOptions, ChangeCursor } from '../../ports/store.ts';
import type { Entries } from './entries.ts';
import type { Entry } from './kv.ts';
import { Trail } from './trail.ts';

const PATH = 'feed';
/** How many paths the feed remembers: about 40 KiB. A reader that missed more than these looks at everything. */
const REMEMBERED = 512;
const VERSIONS_KEPT = 2;
const ATTEMPTS = 50;

/** Somebody is about to bring the entry at `path` from version `from` to the next. */
const Intent = Type.Object({ path: Type.String(), from: Type.Integer({ minimum: 0 }), sequence: Type.Integer({ minimum: 1 }) });
const Content = Type.Object({
  /** Drawn when the feed was made: cursors of another feed are recognised. */
  epoch: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  /** Of the last intent. */
  sequence: Type.Integer({ minimum: 0 }),
  /** Of the last intent that is no longer remembered. */
  forgotten: Type.Integer({ minimum: 0 }),
  /** In the order of their sequence; one of each path. */
  intents: Type.Array(Intent),
});
const content = Compile(Content);

interface Feed extends Type.Static<typeof Content> {
  /** Of the entry, to write after it. */
  readonly version: number;
}

/** Before the first intent. */
const EMPTY: Type.Static<typeof Content> = { epoch: 'none', sequence: 0, forgotten: 0, intents: [] };

interface Waiting {
  readonly path: string;
  readonly from: number;
  readonly written: () => void;
  readonly failed: (error: unknown) => void;
}

/** What the feed says: paths that may have changed; null = any may have. */
export interface Changes {
  readonly cursor: ChangeCursor;
  readonly paths: readonly string[] | null;
}

/**
 * Tells replicas what others change, through one entry that is read every second. Vault has no transaction over two entries, so a writer
 * announces first (the intent: which entry, at which version) and writes then.
 *
 * Why no change goes unnoticed, whatever happens between the two: an intent is *pending* until the entry has been met at a version after `from`, and
 * every answer names every pending path. When cursor C is issued, the intent of a later change is either not heard of yet: then it enters the
 * trail after C and the answers from C name it; or it is pending, as the write has not landed: then it is named as long as that is so, and
 * once more from the trail, which it enters again when the entry was met at a later version, whoever met it. What is settled stays so: the
 * write asks for version `from` and the entry never has it again, so no write that lands late, of a writer that crashed or gave up, can
 * escape. A writer that died between the two leaves a path that is read once a second until its next change: a cost, no fault. No clock takes part.
 *
 * The one limit: a replica that starts after the intent was pushed out by 512 others, while the write is still on its way. Vault drops
 * requests after 90 s.
 */
export class IntentFeed {
  readonly #entries: Entries;
  readonly #random: Random;
  readonly #trail: Trail;
  /** By path, the version that a write announced and not yet settled asks for. */
  readonly #pending = new Map<string, number>();
  #heard: Feed | null = null;
  /** What the next intent is appended to; null = read it first. */
  #latest: Feed | null = null;
  #queue: Waiting[] = [];
  #writing = false;

  constructor(entries: Entries, random: Random) {
    this.#entries = entries;
    this.#random = random;
    this.#trail = new Trail(random.bytes(8).toString('hex'));
    entries.onAdvance((path, version) => this.#settle(path, version));
  }

  /** Returns when the intent is durable. Those of callers at the same time share one write; one that is given up is written all the same. */
  announce(path: string, from: number, { signal }: CallOptions = {}): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#queue.push({ path, from, written: resolve, failed: reject });
    const givenUp = (): void => reject(new KeyturnError('store_unavailable', 'The call to the store was given up.'));
    signal?.addEventListener('abort', givenUp, { once: true });
    if (!this.#writing) void this.#writeAll();
    return promise.finally(() => signal?.removeEventListener('abort', givenUp));
  }

  /** As `ChangeFeed.changes`, of entries in one folder. */
  async changes(since: ChangeCursor | null, folder: string, options?: CallOptions): Promise<Changes> {
    await this.#read(options);
    const cursor = this.#trail.mark();
    if (since === null) return { cursor, paths: [] };
    const heard = this.#trail.since(since);
    const paths = heard && new Set([...heard, ...this.#pending.keys()]);
    return { cursor, paths: paths && [...paths].filter((path) => path.startsWith(folder)) };
  }

  /** Takes in what is new in the feed: read, or written by this process after what it had read. */
  #hear(feed: Feed): void {
    const last = this.#heard ?? { ...feed, sequence: 0 };
    if (feed.version < last.version) return;
    if (last.epoch !== feed.epoch && last.epoch !== EMPTY.epoch) this.#trail.gap();
    else if (this.#heard !== null && feed.forgotten > last.sequence) this.#trail.gap();
    const known = last.epoch === feed.epoch ? last.sequence : 0;
    for (const { path, from, sequence } of feed.intents) {
      if (sequence <= known) continue;
      this.#trail.add(path);
      if (this.#entries.met(path) <= from) this.#pending.set(path, Math.max(from, this.#pending.get(path) ?? 0));
    }
    this.#heard = feed;
    this.#latest = feed;
  }

  #settle(path: string, version: number): void {
    const from = this.#pending.get(path);
    if (from === undefined || version <= from) return;
    this.#pending.delete(path);
    this.#trail.add(path);
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, REMEMBERED / 2);
      await this.#tell(batch);
    }
    this.#writing = false;
  }

  async #tell(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#append(batch);
      for (const { written } of batch) written();
    } catch (error) {
      for (const { failed } of batch) failed(error);
    }
  }

  async #append(batch: readonly Waiting[]): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = this.#latest ?? (await this.#read());
      this.#latest = null;
      if (before.version === 0) await this.#entries.kv.protect(PATH, VERSIONS_KEPT);
      const { version: _, ...after } = appended(before.epoch === EMPTY.epoch ? this.#begun(before) : before, batch);
      const written = await this.#entries.kv.write(PATH, after, before.version);
      if (written === null) {
        this.#entries.advance(PATH, before.version + 1);
        await this.#entries.pause(this.#random.bytes(1)[0] ?? 0);
        continue;
      }
      this.#entries.advance(PATH, written.version);
      this.#hear({ ...after, version: written.version });
      return;
    }
    throw new KeyturnError('store_unavailable', 'Too many change the store at the same time. Nothing was changed; try again.', {
      retryAfterSeconds: 1,
    });
  }

  #begun(feed: Feed): Feed {
    return { ...feed, epoch: this.#random.bytes(8).toString('hex') };
  }

  async #read(options?: CallOptions): Promise<Feed> {
    const entry = await this.#entries.read(PATH, options);
    const feed = { ...contentOf(entry), version: entry.state === 'absent' ? 0 : entry.version };
    this.#hear(feed);
    return feed;
  }
}

function contentOf(entry: Entry): Type.Static<typeof Content> {
  if (entry.state !== 'held') return EMPTY;
  if (content.Check(entry.data)) return entry.data;
  throw damaged();
}

/** The greatest `from` of a path stays: of two writes announced, the one at the later version is the one that may still land. */
function appended(feed: Feed, batch: readonly Waiting[]): Feed {
  const last = new Map(feed.intents.map((intent) => [intent.path, intent]));
  for (const [index, { path, from }] of batch.entries()) {
    last.set(path, { path, from: Math.max(from, last.get(path)?.from ?? 0), sequence: feed.sequence + 1 + index });
  }
  const all = [...last.values()].sort((one, other) => one.sequence - other.sequence);
  const forgotten = all.at(-REMEMBERED - 1)?.sequence ?? feed.forgotten;
  return { ...feed, sequence: feed.sequence + batch.length, intents: all.slice(-REMEMBERED), forgotten };
}

function damaged(): KeyturnError {
  return new KeyturnError(
    'store_unavailable',
    'The feed of changes in Vault cannot be read: somebody changed it, or a newer Keyturn wrote it. Delete its entry `feed` with all its versions, and restart Keyturn.',
  );
}
