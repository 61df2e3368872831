import { KeyturnError } from '../../core/errors.ts';
import { HOUR, type Millis } from '../../core/time.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { CallOptions, Revision } from '../../ports/store.ts';
import { Lanes } from './lanes.ts';
import type { Secrets, SecretValue } from './secrets.ts';
import { type Cell, type Place, readRevision, readValue, revisionOf, writeValue } from './value.ts';
import { versionIdOf } from './version-id.ts';

export interface CellsDeps {
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly random: Random;
}

/** The newest version of a secret that this process has seen. */
interface Seen extends Place {
  /** Uptime. */
  readonly at: Millis;
}

/** Before the first version. */
const NOTHING: Place = { count: 0, tag: '' };

/** How a process came to know a version: because it wanted the document, because it asked what changed, or by a swap. */
export type Sight = 'read' | 'polled' | 'written';
export type Watcher = (secret: string, cell: Cell, how: Sight, known: boolean) => void;

const TAG_BYTES = 6;
const FIRST_PAUSE: Millis = 100;
/** Questions before a "not found" about a secret that nobody here has seen counts as absence; AWS may not know yet what it was told a moment ago. */
const ABSENT_AFTER = 2;
/** Questions before an answer counts as wrong that is older than what is known. */
const STALE_AFTER = 5;
/** AWS forgets versions that are a day old and a hundred behind: what was seen longer ago is looked at again before it is swapped. */
const FRESH: Millis = HOUR;

/**
 * Documents that are compare-and-swapped, one a secret. Version `count + 1` has an id that follows from the secret's name and the number
 * (`versionIdOf`), so of two writers one creates it and the other hears that it exists: its existence is the commit point.
 *
 * Reads of AWS may be late. No answer of this class is older than one it gave or than a swap it saw win: an older one is asked for again, and
 * in the end the version that is known to exist is read by its id.
 */
export class Cells {
  readonly #secrets: Secrets;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #seen = new Map<string, Seen>();
  readonly #watchers: Watcher[] = [];
  readonly #swaps = new Lanes();
  readonly #reads = new Lanes();
  /** Questions that wait to be put. */
  readonly #questions = new Map<string, Promise<Cell | undefined>>();

  constructor({ secrets, clock, random }: CellsDeps) {
    this.#secrets = secrets;
    this.#clock = clock;
    this.#random = random;
  }

  /** Calls back for every version that is newer than the one known before; `known` = there was one. */
  watch(watcher: Watcher): void {
    this.#watchers.push(watcher);
  }

  /** Whether this is the id of the newest version seen here. */
  isSeen(secret: string, versionId: string): boolean {
    const seen = this.#seen.get(secret);
    return seen !== undefined && versionIdOf(secret, seen.count) === versionId;
  }

  /**
   * Callers at the same time share a question, one that is put after they came.
   * @throws KeyturnError `store_unavailable` …, also where AWS no longer knows what it knew; `corrupt_document`
   */
  read(secret: string, options?: CallOptions): Promise<Cell | undefined> {
    if (options?.signal !== undefined) return this.#ask(secret, options);
    const waiting = this.#questions.get(secret);
    if (waiting !== undefined) return waiting;
    const question = this.#reads.pass(secret, () => this.#begin(secret), undefined);
    this.#questions.set(secret, question);
    return question;
  }

  #begin(secret: string): Promise<Cell | undefined> {
    this.#questions.delete(secret);
    return this.#ask(secret);
  }

  async #ask(secret: string, options?: CallOptions): Promise<Cell | undefined> {
    for (let asked = 1; ; asked++) {
      const value = await this.#secrets.current(secret, options);
      const cell = value && readValue(value.text, secret);
      if (cell !== undefined && !this.#isOlder(secret, cell)) return this.#note(secret, cell, 'read');
      const seen = this.#seen.get(secret);
      if (seen === undefined && asked >= ABSENT_AFTER) return undefined;
      if (asked >= STALE_AFTER) return this.#readKnown(secret, seen, value, options);
      await this.#pause(asked, options);
    }
  }

  /** Reads at most `BATCH` secrets. Those left out are absent, unreadable or answered late: read them one by one. */
  async readMany(secrets: readonly string[], how: Sight, options?: CallOptions): Promise<ReadonlyMap<string, Cell>> {
    const values = await this.#secrets.many(secrets, options);
    const cells = new Map<string, Cell>();
    for (const [secret, { text }] of values) {
      const cell = readableOrNull(text, secret);
      if (cell !== null && !this.#isOlder(secret, cell)) cells.set(secret, this.#note(secret, cell, how));
    }
    return cells;
  }

  /**
   * Writers of this process take turns, so that those who have lost already do not ask AWS.
   * @returns null when it is no longer, or not yet, at `expected`; with null expected: when it exists
   */
  swap(secret: string, text: string, expected: Revision | null, options?: CallOptions): Promise<Revision | null> {
    return this.#swaps.pass(secret, () => this.#swap(secret, text, expected, options), options?.signal);
  }

  async #swap(secret: string, text: string, expected: Revision | null, options?: CallOptions): Promise<Revision | null> {
    const before = expected === null ? NOTHING : readRevision(expected);
    if (before === null || (before !== NOTHING && !(await this.#isAt(secret, before, options)))) return null;
    const cell = { count: before.count + 1, tag: this.#random.bytes(TAG_BYTES).toString('hex'), text };
    const outcome = await this.#commit(secret, cell, options);
    if (outcome === 'exists') return this.#settle(secret, cell, options);
    this.#note(secret, cell, 'written');
    return revisionOf(cell);
  }

  async #commit(secret: string, cell: Cell, options: CallOptions | undefined): Promise<'put' | 'created' | 'exists'> {
    const [value, id] = [writeValue(cell, secret), versionIdOf(secret, cell.count)];
    if (cell.count > 1) return this.#secrets.put(secret, value, id, options);
    const outcome = await this.#secrets.create(secret, value, id, options);
    if (outcome !== 'scheduled') return outcome;
    throw new KeyturnError(
      'store_read_only',
      `The secret ${secret} was deleted in AWS and waits for its end. Bring it back: aws secretsmanager restore-secret --secret-id ${secret}`,
    );
  }

  /** Somebody wrote this version: we, in an attempt whose answer was lost, or another writer. Either way it is the newest that we know of. */
  async #settle(secret: string, ours: Cell, options: CallOptions | undefined): Promise<Revision | null> {
    const value = await this.#findVersion(secret, ours.count, options);
    const winner = value && readValue(value.text, secret);
    if (winner !== undefined) this.#note(secret, winner, 'written');
    else if (!this.#seen.has(secret)) this.#seen.set(secret, { ...NOTHING, at: this.#clock.uptime() });
    return winner?.tag === ours.tag ? revisionOf(ours) : null;
  }

  async #findVersion(secret: string, count: number, options: CallOptions | undefined): Promise<SecretValue | undefined> {
    for (let asked = 1; ; asked++) {
      const value = await this.#secrets.version(secret, versionIdOf(secret, count), options);
      if (value !== undefined || asked >= ABSENT_AFTER) return value;
      await this.#pause(asked, options);
    }
  }

  async #isAt(secret: string, expected: Place, options: CallOptions | undefined): Promise<boolean> {
    const seen = this.#seen.get(secret);
    const known = seen !== undefined && seen.count >= expected.count && this.#clock.uptime() - seen.at < FRESH;
    const at = known ? seen : await this.read(secret, options);
    return at?.count === expected.count && at.tag === expected.tag;
  }

  /**
   * AWS keeps answering with less than we know. The version that we know of is read by its id, and where the label was left behind (its writer
   * died in between) it is moved on: otherwise replicas that never saw this version would not hear of it. A version of that id by another
   * writer means that the secret was deleted and made anew by hand: that is the truth now.
   */
  async #readKnown(secret: string, seen: Seen | undefined, current: SecretValue | undefined, options?: CallOptions): Promise<Cell> {
    const value = seen && seen.count > 0 ? await this.#findVersion(secret, seen.count, options) : undefined;
    if (value === undefined) throw older(secret);
    const cell = readValue(value.text, secret);
    if (cell.tag !== seen?.tag) return this.#adopt(secret, cell);
    if (current !== undefined) await this.#secrets.promote(secret, value.versionId, current.versionId, options).catch(() => undefined);
    return cell;
  }

  #isOlder(secret: string, cell: Cell): boolean {
    const seen = this.#seen.get(secret);
    if (seen === undefined) return false;
    return cell.count < seen.count || (cell.count === seen.count && cell.tag !== seen.tag);
  }

  #note(secret: string, cell: Cell, how: Sight): Cell {
    const seen = this.#seen.get(secret);
    if (seen === undefined || cell.count > seen.count) return this.#adopt(secret, cell, how);
    if (cell.count === seen.count) this.#seen.set(secret, { count: cell.count, tag: cell.tag, at: this.#clock.uptime() });
    return cell;
  }

  #adopt(secret: string, cell: Cell, how: Sight = 'polled'): Cell {
    const known = this.#seen.has(secret);
    this.#seen.set(secret, { count: cell.count, tag: cell.tag, at: this.#clock.uptime() });
    for (const watcher of this.#watchers) watcher(secret, cell, how, known);
    return cell;
  }

  #pause(asked: number, options: CallOptions | undefined): Promise<void> {
    return this.#secrets.calls.pause(FIRST_PAUSE * 2 ** (asked - 1), options);
  }
}

function readableOrNull(value: string, secret: string): Cell | null {
  try {
    return readValue(value, secret);
  } catch {
    return null;
  }
}

function older(secret: string): KeyturnError {
  return new KeyturnError(
    'store_unavailable',
    `AWS answers with less of the secret ${secret} than it held before. If it was deleted or restored by hand, restart Keyturn.`,
  );
}
