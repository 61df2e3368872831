import { type Decision, decide } from '../core/decide.ts';
import { codeOf, type ErrorCode } from '../core/errors.ts';
import { versionOf } from '../core/keyring.ts';
import type { KeyringName } from '../core/name.ts';
import { type Instant, MINUTE, type Millis, SECOND } from '../core/time.ts';
import { markPurged } from '../core/transitions/delete.ts';
import { markDestroyed } from '../core/transitions/retire.ts';
import { rotate } from '../core/transitions/rotate.ts';
import { SCHEDULER, type Version } from '../core/version.ts';
import type { DueEntry, DueIndex } from '../ports/store.ts';
import { type ChangeDeps, change } from './change.ts';
import { getKeyring, requireStored } from './keyrings.ts';
import { materialRef } from './material.ts';

export interface SweepDeps extends ChangeDeps {
  readonly dueIndex: DueIndex;
  /** Default: `UNHURRIED`. */
  readonly pace?: Pace;
}

/** How many keyrings are served at a time, and what is waited for between two of them, so that reads pass in between when many are due. */
export interface Pace {
  readonly atOnce: number;
  rest(): Promise<void>;
}

/** What became of one keyring: exactly one log line and one count each. */
export type SweepOutcome =
  | {
      readonly outcome: 'rotated';
      readonly name: KeyringName;
      readonly version: number;
      readonly slot: Instant;
      readonly activatesAt: Instant;
      readonly missedSlots: number;
    }
  /** Every holder of a lease has the version: it signs now, not when it was planned. */
  | {
      readonly outcome: 'advanced';
      readonly name: KeyringName;
      readonly version: number;
      readonly holders: number;
      readonly activatesAt: Instant;
      readonly planned: Instant;
    }
  | { readonly outcome: 'destroyed'; readonly name: KeyringName; readonly versions: readonly number[] }
  | { readonly outcome: 'purged'; readonly name: KeyringName }
  | {
      readonly outcome: 'failed';
      readonly name: KeyringName;
      readonly code: ErrorCode;
      readonly error: unknown;
      readonly attempts: number;
      readonly retryAt: Instant;
    };

/** Hears of each outcome; `changedAt`: when the document was changed by it, null where it was not. */
export type SweepReport = (outcome: SweepOutcome, changedAt: Instant | null) => void;

/** An act of the sweep and when its swap made it so. */
interface Act {
  readonly outcome: SweepOutcome;
  readonly changedAt: Instant;
}

/** A keyring whose turn has come and which the last attempt could not serve. */
export interface Failing {
  readonly name: KeyringName;
  readonly dueAt: Instant;
  readonly code: ErrorCode;
  readonly attempts: number;
  readonly retryAt: Instant;
}

const PAGE = 500;
/** For stores that answer from elsewhere: this process is idle while they do. */
const UNHURRIED: Pace = { atOnce: 4, rest: async () => undefined };
const LONGEST_BACKOFF: Millis = 5 * MINUTE;
/** A keyring has at most this many things to do at one time: destroy, purge or rotate, and then wait. */
const STEPS_A_TURN = 4;

/** Carries out what `decide` asks of the keyrings that are due. Any number of replicas may sweep at the same time: each act is one swap. */
export class Sweep {
  readonly #deps: SweepDeps;
  readonly #report: SweepReport;
  readonly #failing = new Map<KeyringName, Failing>();

  constructor(deps: SweepDeps, report: SweepReport) {
    this.#deps = deps;
    this.#report = report;
  }

  /** Keyrings that wait for another attempt, longest due first. */
  failing(): Failing[] {
    return [...this.#failing.values()].sort((a, b) => a.dueAt - b.dueAt);
  }

  /**
   * One pass over everything due now. A failing keyring is left for later and holds up no other.
   * @throws KeyturnError `store_unavailable` … when the store cannot say what is due
   */
  async run(): Promise<void> {
    const now = this.#deps.clock.now();
    const due = new Set<KeyringName>();
    for (let after: DueEntry | null = null; ; ) {
      const page: readonly DueEntry[] = await this.#deps.dueIndex.due(now, after, PAGE);
      for (const { name } of page) due.add(name);
      await this.#turns(page.filter(({ name }) => (this.#failing.get(name)?.retryAt ?? now) <= now));
      after = page.at(-1) ?? null;
      if (page.length < PAGE) break;
    }
    // What is no longer due was served by another replica or by an act.
    for (const name of this.#failing.keys()) if (!due.has(name)) this.#failing.delete(name);
  }

  async #turns(entries: readonly DueEntry[]): Promise<void> {
    const { atOnce, rest } = this.#deps.pace ?? UNHURRIED;
    const queue = entries.values();
    const worker = async (): Promise<void> => {
      for (const entry of queue) {
        await this.#turn(entry);
        await rest();
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, entries.length) }, worker));
  }

  async #turn(entry: DueEntry): Promise<void> {
    try {
      for (let step = 0; step < STEPS_A_TURN; step++) {
        const { keyring } = await getKeyring(this.#deps, entry.name);
        const decision = decide(keyring, this.#deps.clock.now());
        if (decision.do === 'wait') break;
        const act = await carryOut(this.#deps, entry.name, decision);
        if (act !== null) this.#report(act.outcome, act.changedAt);
      }
      this.#failing.delete(entry.name);
    } catch (error) {
      this.#fail(entry, error);
    }
  }

  #fail({ name, dueAt }: DueEntry, error: unknown): void {
    const attempts = (this.#failing.get(name)?.attempts ?? 0) + 1;
    const backoff = Math.min(LONGEST_BACKOFF, SECOND * 2 ** Math.min(attempts, 20));
    const retryAt = this.#deps.clock.now() + backoff;
    const code = codeOf(error);
    this.#failing.set(name, { name, dueAt, code, attempts, retryAt });
    this.#report({ outcome: 'failed', name, code, error, attempts, retryAt }, null);
  }
}

/** Null when another replica was faster: a normal outcome. */
async function carryOut(deps: SweepDeps, name: KeyringName, decision: Exclude<Decision, { do: 'wait' }>): Promise<Act | null> {
  switch (decision.do) {
    case 'rotate':
      return fillSlot(deps, name, decision);
    case 'destroy':
      return destroy(deps, name, decision.versions, decision.reason);
    case 'purge':
      return purge(deps, name, decision.reason);
  }
}

type DueSlot = Extract<Decision, { do: 'rotate' }>;

async function fillSlot(deps: SweepDeps, name: KeyringName, { slot, missedSlots, reason }: DueSlot): Promise<Act | null> {
  const { version, keyring } = await change(deps, {
    name,
    by: SCHEDULER,
    reason,
    step: (stored, context) => {
      const { keyring: held } = requireStored(stored, name);
      const decision = decide(held, context.now);
      // Decided again on what the store holds now: a slot that somebody else filled is not filled twice.
      if (decision.do !== 'rotate' || decision.slot !== slot) return { keyring: held, publishes: null, version: null };
      const rotated = rotate(held, 'scheduled', context, slot);
      return { keyring: rotated.keyring, publishes: rotated.version, version: rotated.version };
    },
  });
  if (version === null) return null;
  const { activatesAt } = versionOf(keyring, version.version);
  const outcome = { outcome: 'rotated', name, version: version.version, slot, activatesAt, missedSlots } as const;
  return { outcome, changedAt: keyring.changed.at };
}

/** The bytes go first and the mark follows: a crash between them only makes the destruction happen again. */
async function destroy(deps: SweepDeps, name: KeyringName, versions: readonly Version[], reason: string): Promise<Act | null> {
  await Promise.all(versions.map((version) => deps.store.destroyMaterial(materialRef(name, version))));
  const gone = new Set(versions.map(({ version }) => version));
  const { marked, keyring } = await change(deps, {
    name,
    by: SCHEDULER,
    reason,
    step: (stored, context) => {
      const { keyring: held } = requireStored(stored, name);
      const unmarked = held.versions.filter(({ version, destroyedAt }) => gone.has(version) && destroyedAt === null);
      const marked = unmarked.map(({ version }) => version);
      // A document that says so already stays as it is: a new one would wake every instance for nothing.
      return { keyring: marked.length === 0 ? held : markDestroyed(held, gone, context), publishes: null, marked };
    },
  });
  return marked.length === 0 ? null : { outcome: { outcome: 'destroyed', name, versions: marked }, changedAt: keyring.changed.at };
}

/** Ends the keyring; the destruction of its material is then due. */
async function purge(deps: SweepDeps, name: KeyringName, reason: string): Promise<Act | null> {
  const { purged, keyring } = await change(deps, {
    name,
    by: SCHEDULER,
    reason,
    step: (stored, context) => {
      const { keyring: held } = requireStored(stored, name);
      const due = decide(held, context.now).do === 'purge';
      return { keyring: due ? markPurged(held, context) : held, publishes: null, purged: due };
    },
  });
  return purged ? { outcome: { outcome: 'purged', name }, changedAt: keyring.changed.at } : null;
}
