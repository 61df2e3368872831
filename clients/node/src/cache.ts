import type { CachedKeys } from './cache-content.ts';
import { CacheFile } from './cache-file.ts';
import type { Conditions } from './conditions.ts';
import { codeOf } from './errors.ts';
import type { Moment } from './lease.ts';
import type { Settings } from './options.ts';

/** What the last whole answer said, to be written again with each renewal. */
interface Written {
  readonly etag: string;
  readonly answer: unknown;
  readonly leaseUntil: number;
}

/** Keeps the cache file in step with the answers. It never fails anybody: without it a restart only needs the service. */
export class Cache {
  readonly #file: CacheFile | null;
  readonly #conditions: Conditions;
  readonly #keyring: string;
  #last: Written | null = null;
  #turn: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(keyring: string, { cacheFile, url }: Settings, conditions: Conditions) {
    this.#keyring = keyring;
    this.#file = cacheFile === null ? null : new CacheFile(cacheFile, keyring, url.href.replace(/\/+$/, ''));
    this.#conditions = conditions;
  }

  /** There is no file. */
  get isOff(): boolean {
    return this.#file === null;
  }

  /** Null where nothing usable was found. */
  async load(token: string, now: number): Promise<CachedKeys | null> {
    try {
      const cached = (await this.#file?.load(token, now)) ?? null;
      if (cached !== null) this.#last = cached;
      return cached;
    } catch (error) {
      this.#begin('cache_unusable', 'The cache file is not used', error);
      return null;
    }
  }

  /** Whether the file is free of older keys: one that cannot be written is removed. */
  async answered(token: string, asked: Moment, leaseSeconds: number, etag: string, answer: unknown): Promise<boolean> {
    const isWritten = await this.#write(token, asked.wall, { etag, answer, leaseUntil: asked.wall + leaseSeconds * 1_000 });
    return isWritten || this.#remove();
  }

  /** A renewal is written when it adds at least a quarter of its lease, or takes some away. */
  async renewed(token: string, asked: Moment, leaseSeconds: number): Promise<void> {
    if (this.#last === null) return;
    const leaseUntil = asked.wall + leaseSeconds * 1_000;
    const gained = leaseUntil - this.#last.leaseUntil;
    if (gained < 0 || gained >= leaseSeconds * 250) await this.#write(token, asked.wall, { ...this.#last, leaseUntil });
  }

  /** The service took the right to the keys away. */
  async empty(): Promise<void> {
    this.#last = null;
    await this.#remove();
  }

  /** After the last request: others may live on what was written. */
  close(): void {
    this.#isClosed = true;
    this.#file?.letGo();
  }

  #remove(): Promise<boolean> {
    return this.#inTurn('cache_not_removed', 'The cache file cannot be removed', async () => this.#file?.remove());
  }

  async #write(token: string, askedAt: number, written: Written): Promise<boolean> {
    this.#last = written;
    const { etag, answer, leaseUntil } = written;
    return this.#inTurn('cache_not_written', 'The cache file cannot be written', async () =>
      this.#file?.save(token, { askedAt: Math.floor(askedAt), leaseUntil: Math.floor(leaseUntil), etag, answer }),
    );
  }

  /** Whether it was done; true where there is no file. */
  async #inTurn(condition: string, message: string, action: () => Promise<void> | undefined): Promise<boolean> {
    if (this.#file === null) return true;
    const turn = this.#turn.then(action).then(
      () => {
        this.#conditions.end(condition, 'The cache file is well again', { keyring: this.#keyring });
        return true;
      },
      (error: unknown) => {
        this.#begin(condition, message, error);
        return false;
      },
    );
    this.#turn = turn.then(() => {
      // What was under way when it was closed.
      if (this.#isClosed) this.#file?.letGo();
    });
    return turn;
  }

  #begin(condition: string, message: string, error: unknown): void {
    const system = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    const code = codeOf(error) ?? system;
    this.#conditions.begin(condition, 'warn', message, { keyring: this.#keyring, code }, code);
  }
}
