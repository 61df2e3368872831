/** A version of the keyring with its key. The key shows neither in JSON nor in a log: only `key` gives it. */
export class Key {
  readonly version: number;
  readonly #key: string;

  constructor(version: number, key: string) {
    this.version = version;
    this.#key = key;
  }

  /** Exactly as the application uses it: a text of printable ASCII. */
  get key(): string {
    return this.#key;
  }
}

/** A key that verifies and does not sign any more. */
export class PreviousKey extends Key {
  /** ISO 8601; null = no end is set. */
  readonly verifyUntil: string | null;
  /** Imported under 32 bytes, by an explicit override of its owner. */
  readonly weak: boolean;

  constructor(version: number, key: string, verifyUntil: string | null, weak: boolean) {
    super(version, key);
    this.verifyUntil = verifyUntil;
    this.weak = weak;
  }
}

/** A key that signs, or will. */
export class SigningKey extends Key {
  /** ISO 8601: since when, or from when, it signs. */
  readonly activatesAt: string;

  constructor(version: number, key: string, activatesAt: string) {
    super(version, key);
    this.activatesAt = activatesAt;
  }
}

interface Fields {
  readonly name: string;
  readonly revision: string;
  readonly current: SigningKey;
  readonly next: SigningKey | null;
  /** Newest first. */
  readonly previous: readonly PreviousKey[];
}

/**
 * The keys of a keyring at one time, never changed once made. Roles are as the service gave them: `next` becomes `current` with an
 * answer that says so, not by this host's clock.
 */
export class Snapshot {
  readonly name: string;
  readonly revision: string;
  /** Signs and verifies. */
  readonly current: SigningKey;
  /** Verifies, must not sign yet. */
  readonly next: SigningKey | null;
  /** Verify only; newest first. */
  readonly previous: readonly PreviousKey[];
  /**
   * All keys that verify, the signing one first: current, next, previous from new to old. For libraries that sign with the first.
   */
  readonly signingFirst: readonly Key[];
  /**
   * All keys that verify, the signing one last: previous from old to new, next, current. For libraries that sign with the last.
   */
  readonly signingLast: readonly Key[];

  constructor({ name, revision, current, next, previous }: Fields) {
    this.name = name;
    this.revision = revision;
    this.current = current;
    this.next = next;
    this.previous = Object.freeze([...previous]);
    const upcoming = next === null ? [] : [next];
    this.signingFirst = Object.freeze([current, ...upcoming, ...previous]);
    this.signingLast = Object.freeze([...previous.toReversed(), ...upcoming, current]);
    Object.freeze(this);
  }

  /** Null where this version does not verify (any more). */
  find(version: number): Key | null {
    return this.signingFirst.find((key) => key.version === version) ?? null;
  }

  /** Whether what this key signed should be signed again by `current`: so a token in use never falls off at the end of its key. */
  isOld(key: Key): boolean {
    return key.version < this.current.version;
  }
}
