import type { Granted, KeyReader, KeySet } from '../../src/app/read-keys.ts';
import { type Caller, leaseOf, type Shown, sessionNames, shownIn, tagFor } from '../../src/app/sessions.ts';
import type { KeyringName } from '../../src/core/name.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { LeaseGrant } from '../../src/ports/leases.ts';
import type { Random } from '../../src/ports/random.ts';
import type { Desk } from './register.ts';

/** What an instance is told. */
export interface Answer {
  readonly keys: KeySet;
  /** True = the keys that it has shown are still right (304). */
  readonly unchanged: boolean;
  readonly tag: string;
  readonly leaseSeconds: number;
}

export interface FrontDoorDeps {
  readonly reader: KeyReader;
  readonly desk: Desk;
  readonly clock: Clock;
  readonly random: Random;
  readonly heard: (grant: LeaseGrant) => void;
  readonly granted: (granted: Granted) => void;
}

/** `GET /v1/keyrings/{name}/keys` without HTTP: the steps of src/http/routes/keys.ts, in their order. */
export class FrontDoor {
  readonly #deps: FrontDoorDeps;
  readonly #draw: ReturnType<typeof sessionNames>;

  constructor(deps: FrontDoorDeps) {
    this.#deps = deps;
    this.#draw = sessionNames(deps.random);
  }

  /** @throws KeyturnError as the reader and the journal */
  async ask(name: KeyringName, caller: Caller, tag: string | null, waitSeconds: number): Promise<Answer> {
    const { reader, clock, granted: tell } = this.#deps;
    const shown = shownIn(tag === null ? [] : [tag]);
    if (waitSeconds > 0 && shown !== null) {
      this.#acknowledge(reader.peek(name), caller, shown);
      await reader.readWhenChanged(name, shown.etag, waitSeconds, new AbortController().signal);
    }
    let granted = reader.peek(name);
    while (granted === null) {
      await reader.read(name);
      granted = reader.peek(name);
    }
    tell(granted);
    const lease = leaseOf(granted, caller, shown, this.#draw, clock.now());
    await this.#record(lease);
    const { keys, leaseSeconds } = granted;
    const unchanged = shown?.etag === keys.etag;
    return { keys, unchanged, leaseSeconds, tag: tagFor(keys, unchanged ? shown.session : lease.session) };
  }

  #acknowledge(granted: Granted | null, caller: Caller, shown: Shown): void {
    if (granted === null || shown.etag !== granted.keys.etag) return;
    const lease = leaseOf({ ...granted, leaseSeconds: 0 }, caller, shown, this.#draw, this.#deps.clock.now());
    if (lease.acknowledged !== null) this.#record(lease).catch(() => undefined);
  }

  /** As `heardBy`: the journal first, then whoever listens. */
  #record(lease: LeaseGrant): Promise<void> {
    const done = this.#deps.desk.record(lease);
    this.#deps.heard(lease);
    return done;
  }
}
