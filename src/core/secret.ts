import { inspect } from 'node:util';

const REDACTED = '[secret]';

/**
 * The text of a key or of another secret. It hides itself in JSON, in template strings, in `util.inspect` and so in logs.
 * `reveal()` is the one way out; `test/architecture.test.ts` lists the files that may call it.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
