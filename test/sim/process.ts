import type { KeySet, ServedKey } from '../../src/app/read-keys.ts';
import type { Caller } from '../../src/app/sessions.ts';
import { type Millis, SECOND } from '../../src/core/time.ts';
import { SLOWEST_INSTANCE } from './clocks.ts';
import type { Draws } from './draws.ts';
import type { Answer } from './front-door.ts';

/** What a process has of an answer, in memory and in its cache on disk. */
export interface Held {
  readonly keys: KeySet;
  /** Key texts by version: two keys under one number are two keys. */
  readonly texts: ReadonlyMap<number, string>;
  readonly tag: string;
  /** When it stops using them, in true time: its own clock may be slow. */
  readonly until: Millis;
}

/** A question that is under way. */
export interface Question {
  readonly place: number;
  readonly askedAt: Millis;
  readonly tag: string | null;
}

/** An application process: it obeys its lease and the rules for clients of docs/fleet.md. */
export class Process {
  readonly label: string;
  readonly caller: Caller;
  isOver = false;
  /** Nothing reaches it, and nothing leaves it. */
  isCut = false;
  held: Held | null;
  /** The tag it may show: none before its own first answer, not even with keys from a disk. */
  #tag: string | null = null;
  #asked = 0;
  #heard = 0;
  readonly #slowness: number;

  constructor(label: string, caller: Caller, draws: Draws, disk: Held | null) {
    this.label = label;
    this.caller = caller;
    this.held = disk;
    this.#slowness = draws.happens(0.5) ? 0 : draws.fraction() * SLOWEST_INSTANCE;
  }

  /** Whether it may use what it holds. */
  mayUse(now: Millis): boolean {
    return !this.isOver && this.held !== null && now < this.held.until;
  }

  verifies(version: number, text: string): boolean {
    return this.held?.texts.get(version) === text;
  }

  ask(now: Millis): Question {
    return { place: ++this.#asked, askedAt: now, tag: this.#tag };
  }

  /** An answer to an earlier question than one that was answered already is thrown away. @returns whether it is used */
  hear({ place, askedAt, tag }: Question, answer: Answer): boolean {
    if (this.isOver || place < this.#heard) return false;
    if (answer.unchanged && (this.held === null || tag !== this.#tag)) return false;
    this.#heard = place;
    const until = askedAt + answer.leaseSeconds * SECOND * (1 + this.#slowness);
    if (answer.unchanged && this.held !== null) this.held = { ...this.held, until };
    else this.held = { keys: answer.keys, texts: textsOf(answer.keys), tag: answer.tag, until };
    this.#tag = answer.tag;
    return true;
  }
}

function textsOf({ current, previous, next }: KeySet): ReadonlyMap<number, string> {
  const served: ServedKey[] = [current, ...previous, ...(next === null ? [] : [next])];
  return new Map(served.map(({ version, material }) => [version.version, material.reveal()]));
}
