import type { Instant, Millis } from '../../src/core/time.ts';
import type { Instance } from './instance.ts';

interface Session {
  readonly id: number;
  readonly cookie: string;
  readonly signedAt: Instant;
}

/** A seeded generator (mulberry32): the story is the same every time. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** People with a session cookie that any instance may have signed and any other must accept. */
export class Visitors {
  readonly #lifetime: Millis;
  readonly #random: () => number;
  #sessions: readonly Session[];
  accepted = 0;
  rejected = 0;

  constructor(count: number, lifetime: Millis, random: () => number) {
    this.#lifetime = lifetime;
    this.#random = random;
    this.#sessions = Array.from({ length: count }, (_, id) => ({ id, cookie: '', signedAt: Number.NEGATIVE_INFINITY }));
  }

  /** Some visit: each shows the cookie to one instance; who has none, or one that is too old, gets a new one. */
  visit(fleet: readonly Instance[], now: Instant, share: number): void {
    this.#sessions = this.#sessions.map((session) => (this.#random() < share ? this.#visit(session, this.#pick(fleet), now) : session));
  }

  /** How many of the sessions that are alive a bare swap of the key would end. */
  loggedOutByBareSwap(instance: Instance, now: Instant): number {
    return this.#alive(now).filter(({ cookie }) => !instance.verifiesWithCurrentAlone(cookie)).length;
  }

  /** How many of the sessions that are alive an instance refuses. */
  refusedBy(instance: Instance, now: Instant): { readonly refused: number; readonly alive: number } {
    const alive = this.#alive(now);
    return { refused: alive.filter(({ cookie }) => !instance.verify(cookie)).length, alive: alive.length };
  }

  #visit(session: Session, instance: Instance, now: Instant): Session {
    if (!this.#isAlive(session, now)) return { ...session, cookie: instance.sign(`visitor-${session.id}`), signedAt: now };
    if (instance.verify(session.cookie)) this.accepted++;
    else this.rejected++;
    return session;
  }

  #alive(now: Instant): Session[] {
    return this.#sessions.filter((session) => this.#isAlive(session, now));
  }

  #isAlive({ signedAt }: Session, now: Instant): boolean {
    return now < signedAt + this.#lifetime;
  }

  #pick(fleet: readonly Instance[]): Instance {
    const serving = fleet.filter(({ serves }) => serves);
    const picked = serving[Math.floor(this.#random() * serving.length)];
    if (picked === undefined) throw new Error('No instance holds a lease.');
    return picked;
  }
}
