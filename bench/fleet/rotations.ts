import { setTimeout as pause } from 'node:timers/promises';
import { KEYRING, type KeyturnService } from './keyturn-service.ts';

/** Between two looks at the keyring. */
const LOOK = 250;
const SLOWEST = 20 * 60_000;

interface Version {
  readonly version: number;
  readonly role: string;
}

/** Asks for a scheduled rotation as soon as the former one's key signs; the cron slots of the policy fall in between. */
export class Rotations {
  readonly #service: KeyturnService;
  /** Milliseconds that a version signs before the next one is asked for. */
  readonly #rest: number;
  /** The version that signed at the first look: what came to sign before anybody looked on counts for nothing. */
  #first: number | null = null;
  #current = 1;
  #since = Date.now();

  constructor(service: KeyturnService, rest: number) {
    this.#service = service;
    this.#rest = rest;
  }

  /** Those whose key has come to sign. */
  get done(): number {
    return this.#first === null ? 0 : this.#current - this.#first;
  }

  /** @param each hears how many are done, each time that there are more */
  async run(target: number, each: (done: number) => void): Promise<void> {
    const end = Date.now() + SLOWEST;
    while (this.done < target) {
      if (Date.now() > end) throw new Error(`Only ${this.done} of ${target} rotations came about.`);
      const before = this.done;
      // The service may be down, on purpose.
      await this.#turn().catch(() => {});
      if (this.done > before) each(this.done);
      await pause(LOOK);
    }
  }

  async #turn(): Promise<void> {
    const { versions } = await this.#service.call('GET', `/v1/keyrings/${KEYRING}`);
    const current = versions.find(({ role }: Version) => role === 'current')?.version ?? this.#current;
    this.#first ??= current;
    if (current > this.#current) this.#since = Date.now();
    this.#current = Math.max(current, this.#current);
    const isUnderWay = versions.some(({ role }: Version) => role === 'next');
    if (isUnderWay || Date.now() - this.#since < this.#rest) return;
    await this.#service.call('POST', `/v1/keyrings/${KEYRING}/rotate`, { kind: 'scheduled', reason: 'the fleet proof' });
  }
}

/** How the rotations since some instant came about, by the keyring's own history. */
export interface RotationFigures {
  readonly scheduled: number;
  readonly bySlot: number;
  /** Signed before time alone allowed it, because each instance had the key. */
  readonly early: number;
}

interface Entry {
  readonly kind: string;
  readonly role: string;
  readonly advanced: unknown;
  readonly slot: string | null;
  readonly activatesAt: string;
}

export async function rotationFigures(service: KeyturnService, since: number): Promise<RotationFigures> {
  const { items }: { items: Entry[] } = await service.call('GET', `/v1/keyrings/${KEYRING}/history?limit=500`);
  const scheduled = items.filter(
    ({ kind, role, activatesAt }) => kind === 'scheduled' && role !== 'next' && Date.parse(activatesAt) >= since,
  );
  return {
    scheduled: scheduled.length,
    bySlot: scheduled.filter(({ slot }) => slot !== null).length,
    early: scheduled.filter(({ advanced }) => advanced !== null).length,
  };
}
