import { encodeKeyring } from '../../core/codec.ts';
import type { Keyring } from '../../core/keyring.ts';
import { isKeyringName, type KeyringName } from '../../core/name.ts';
import { MINUTE, type Millis } from '../../core/time.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CallOptions, ChangeCursor, FeedOptions, Page, Revision, Stored } from '../../ports/store.ts';
import type { IndexedStore } from '../memory-index.ts';
import { readDocument } from '../read-document.ts';
import type { Archive } from './archive.ts';
import { atOnce, inGroups } from './at-once.ts';
import type { Cells } from './cells.ts';
import { BATCH, LIST, type Secrets } from './secrets.ts';
import { type Cell, revisionOf } from './value.ts';

export interface DocumentsDeps {
  readonly secrets: Secrets;
  readonly cells: Cells;
  readonly archive: Archive;
  readonly clock: Clock;
  /** In front of the name of every keyring's secret. */
  readonly prefix: string;
  /** Tells the cursors of this opening from those of others. */
  readonly epoch: string;
}

/** Batches under way at a time: 8 of 20 validate 10,000 keyrings in about five seconds. */
const BATCHES_AT_ONCE = 8;
/** How long a list of names is good enough for pages after the first one, and for noticing keyrings that others made. */
const LISTED_FOR: Millis = MINUTE;

interface Listed {
  readonly names: readonly KeyringName[];
  /** Names whose current version, says the list, is not the one seen here. */
  readonly unseen: readonly KeyringName[];
  readonly at: Millis;
}

/** Keyring documents, each in a secret of its own. */
export class Documents {
  readonly #deps: DocumentsDeps;
  readonly #known = new Set<KeyringName>();
  /** Per name: when it was last seen to change, counted by this process. */
  readonly #changed = new Map<KeyringName, number>();
  #changes = 0;
  #listed: Listed | null = null;

  constructor(deps: DocumentsDeps) {
    this.#deps = deps;
    deps.cells.watch((secret, _cell, how, known) => {
      const name = this.#nameOf(secret);
      if (name === null) return;
      this.#known.add(name);
      // What was read here for the first time is held nowhere here in an older form: nobody has to hear of it.
      if (known || how !== 'read') this.#changed.set(name, ++this.#changes);
    });
  }

  async load(name: KeyringName, options?: CallOptions): Promise<Stored | undefined> {
    const cell = await this.#deps.cells.read(this.#secretOf(name), options);
    return cell && this.#stored(cell, name, options);
  }

  async swap(keyring: Keyring, expected: Revision | null, options?: CallOptions): Promise<Revision | null> {
    const text = await this.#deps.archive.shorten(keyring.name, encodeKeyring(keyring), options);
    return this.#deps.cells.swap(this.#secretOf(keyring.name), text, expected, options);
  }

  /** The list of AWS may be minutes late; what this process has seen is in it all the same. */
  async page(after: KeyringName | null, limit: number, options?: CallOptions): Promise<Page<KeyringName, KeyringName>> {
    const { names } = await this.#list(after !== null, options);
    const all = [...new Set([...names, ...this.#known])].filter((name) => after === null || name > after).sort();
    const items = all.slice(0, limit);
    return { items, next: all.length > limit ? (items.at(-1) ?? null) : null };
  }

  /**
   * Asks AWS for the documents that the caller holds, twenty a question, or for all. There is no feed of changes; ListSecrets is minutes late.
   */
  async changes(since: ChangeCursor | null, options?: FeedOptions) {
    if (since === null) return this.#changedSince(this.#changes);
    const names = options?.held === undefined ? (await this.page(null, Number.MAX_SAFE_INTEGER, options)).items : [...options.held];
    await atOnce(inGroups(names, BATCH), BATCHES_AT_ONCE, (group) => this.#validate(group, options));
    return this.#changedSince(this.#countOf(since));
  }

  /**
   * What the due index asks once a second: the changes seen here by the way, and once a minute what the list of AWS says of others'. Documents
   * that it will want are read by twenties beforehand.
   */
  forIndex(): IndexedStore {
    const fetched = new Map<KeyringName, Stored>();
    return {
      load: async (name, options) => {
        const stored = fetched.get(name);
        return fetched.delete(name) ? stored : this.load(name, options);
      },
      page: async (after, limit, options) => {
        const page = await this.page(after, limit, options);
        await this.#fetch(page.items, fetched, options);
        return page;
      },
      changes: async (since, options) => {
        const unseen = since === null ? [] : await this.#listedAnew(options);
        const { cursor, names } = this.#changedSince(since === null ? this.#changes : this.#countOf(since));
        await this.#fetch(unseen, fetched, options);
        return { cursor, names: [...new Set([...names, ...unseen])] };
      },
    };
  }

  async #fetch(names: readonly KeyringName[], into: Map<KeyringName, Stored>, options: CallOptions | undefined): Promise<void> {
    await atOnce(inGroups(names, BATCH), BATCHES_AT_ONCE, async (group) => {
      const secrets = group.map((name) => this.#secretOf(name));
      const cells = await this.#deps.cells.readMany(secrets, 'read', options);
      for (const name of group) {
        const cell = cells.get(this.#secretOf(name));
        // What cannot be read is left out: loading it says why.
        const stored = cell && (await this.#stored(cell, name, options).catch(() => undefined));
        if (stored !== undefined) into.set(name, stored);
      }
    });
  }

  /** Names whose document may be unknown here; none while the list is young. */
  async #listedAnew(options: CallOptions | undefined): Promise<readonly KeyringName[]> {
    const before = this.#listed;
    const listed = await this.#list(true, options);
    return listed === before ? [] : listed.unseen;
  }

  /** A document that the batch leaves out is named as changed: loading it tells why. */
  async #validate(names: readonly KeyringName[], options: CallOptions | undefined): Promise<void> {
    const secrets = names.map((name) => this.#secretOf(name));
    const cells = await this.#deps.cells.readMany(secrets, 'polled', options);
    for (const name of names) if (!cells.has(this.#secretOf(name))) this.#changed.set(name, ++this.#changes);
  }

  #changedSince(count: number): { readonly cursor: ChangeCursor; readonly names: readonly KeyringName[] } {
    const names = [...this.#changed].filter(([, changed]) => changed > count).map(([name]) => name);
    return { cursor: `${this.#deps.epoch}.${this.#changes}` as ChangeCursor, names };
  }

  /** A cursor of an earlier opening counts from the start. */
  #countOf(cursor: ChangeCursor): number {
    const [epoch, count = ''] = cursor.split('.');
    return epoch === this.#deps.epoch && /^\d{1,15}$/.test(count) ? Number(count) : 0;
  }

  async #list(mayBeOld: boolean, options: CallOptions | undefined): Promise<Listed> {
    const at = this.#deps.clock.uptime();
    if (mayBeOld && this.#listed !== null && at - this.#listed.at < LISTED_FOR) return this.#listed;
    const names: KeyringName[] = [];
    const unseen: KeyringName[] = [];
    for (let next: string | null = null, more = true; more; more = next !== null) {
      const page: Awaited<ReturnType<Secrets['list']>> = await this.#deps.secrets.list(this.#deps.prefix, next, LIST, options);
      for (const { name: secret, versionId } of page.items) {
        const name = this.#nameOf(secret);
        if (name === null) continue;
        names.push(name);
        if (versionId === null || !this.#deps.cells.isSeen(secret, versionId)) unseen.push(name);
      }
      next = page.next;
    }
    this.#listed = { names, unseen, at };
    return this.#listed;
  }

  async #stored(cell: Cell, name: KeyringName, options: CallOptions | undefined): Promise<Stored> {
    const keyring = readDocument(name, await this.#deps.archive.restore(name, cell.text, options));
    return { keyring, revision: revisionOf(cell) };
  }

  #secretOf(name: KeyringName): string {
    return `${this.#deps.prefix}${name}`;
  }

  #nameOf(secret: string): KeyringName | null {
    const name = secret.startsWith(this.#deps.prefix) ? secret.slice(this.#deps.prefix.length) : '';
    return isKeyringName(name) ? name : null;
  }
}
