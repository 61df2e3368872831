import { KeyturnError } from '../../core/errors.ts';
import { MINUTE, type Millis } from '../../core/time.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { Entries } from './entries.ts';

const PATH = 'turn';
const LOOK_AGAIN: Millis = 200;
/** A turn takes a few calls. One whose entry stands still for so long was left by a replica that died in it. */
const ABANDONED: Millis = MINUTE;
const GIVE_UP: Millis = 2 * ABANDONED;

interface Seen {
  readonly version: number;
  readonly since: Millis;
}

/** One at a time among replicas, by an entry that says whose turn it is. Each replica measures on its own clock how long that has not changed. */
export class Turns {
  readonly #entries: Entries;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(entries: Entries, clock: Clock, random: Random) {
    this.#entries = entries;
    this.#clock = clock;
    this.#random = random;
  }

  /** As `TokenTurns.alone`, for bodies that take less than a minute. @throws KeyturnError `store_unavailable` when the turn never comes */
  async alone<Result>(body: () => Promise<Result>): Promise<Result> {
    const version = await this.#take();
    try {
      return await body();
    } finally {
      // failing to give the turn back costs the next one a minute
      await this.#write('', version).catch(() => undefined);
    }
  }

  async #take(): Promise<number> {
    const begun = this.#clock.uptime();
    const holder = this.#random.bytes(8).toString('hex');
    let seen: Seen = { version: -1, since: begun };
    while (this.#clock.uptime() - begun < GIVE_UP) {
      const entry = await this.#entries.read(PATH);
      const version = entry.state === 'absent' ? 0 : entry.version;
      const free = entry.state !== 'held' || !('holder' in entry.data) || entry.data.holder === '';
      if (seen.version !== version) seen = { version, since: this.#clock.uptime() };
      const taken = free || this.#clock.uptime() - seen.since >= ABANDONED ? await this.#write(holder, version) : null;
      if (taken !== null) return taken;
      await this.#entries.pause(LOOK_AGAIN);
    }
    throw new KeyturnError('store_unavailable', 'Other replicas change tokens all the time. Nothing was changed; try again.');
  }

  async #write(holder: string, version: number): Promise<number | null> {
    if (version === 0) await this.#entries.kv.protect(PATH, 1);
    const written = await this.#entries.kv.write(PATH, { holder }, version);
    if (written !== null) this.#entries.advance(PATH, written.version);
    return written?.version ?? null;
  }
}
