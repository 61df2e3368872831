import { createHash } from 'node:crypto';
import { KeyturnError } from '../../core/errors.ts';
import type { KeyringName } from '../../core/name.ts';
import type { CallOptions } from '../../ports/store.ts';
import type { Secrets } from './secrets.ts';
import { MAX_VALUE_BYTES, readValue, valueBytes, writeValue } from './value.ts';
import { versionIdOf } from './version-id.ts';

/** Versions in one part of the archive; fewer where their reasons are so long that a part would not fit. */
const PART_SIZES = [500, 250, 125, 60, 30];
const DIGEST = /^[0-9a-f]{32}$/;
/** Parts kept in memory, newest use last: they never change. */
const CACHED = 200;
const FIRST_PAUSE = 100;
const ABSENT_AFTER = 5;

/** A document as JSON, with or without its oldest versions. */
interface Document extends Readonly<Record<string, unknown>> {
  readonly versions: readonly unknown[];
  /** Digests of the parts that hold the versions before the first one here. */
  readonly archived?: readonly string[];
}

/**
 * The past of keyrings that outgrow one secret. Versions whose material is destroyed never change again, so the oldest of them go into parts of
 * a fixed size, each a secret named by the digest of what it holds: whoever writes a part writes the same one, and a swap that is lost leaves
 * nothing wrong behind. A part is written once in hundreds of rotations, before the swap that refers to it.
 */
export class Archive {
  readonly #secrets: Secrets;
  readonly #prefix: string;
  readonly #parts = new Map<string, string>();

  constructor(secrets: Secrets, prefix: string) {
    this.#secrets = secrets;
    this.#prefix = prefix;
  }

  /**
   * The same text where it fits; else the text without its oldest versions, which are then archived.
   * @throws KeyturnError `store_full` when not even that fits
   */
  async shorten(name: KeyringName, text: string, options?: CallOptions): Promise<string> {
    if (valueBytes(text) <= MAX_VALUE_BYTES) return text;
    const document = documentIn(text, name);
    for (const size of PART_SIZES) {
      const parts = partsOf(document, size);
      const archived = parts.map(digestOf);
      const rest = JSON.stringify({ ...document, archived, versions: document.versions.slice(parts.length * size) });
      if ([rest, ...parts].some((each) => valueBytes(each) > MAX_VALUE_BYTES)) continue;
      for (const part of parts) await this.#keep(name, part, options);
      return rest;
    }
    return text;
  }

  /** The whole document again. @throws KeyturnError `corrupt_document` when a part is gone or is another */
  async restore(name: KeyringName, text: string, options?: CallOptions): Promise<string> {
    const { archived, ...document } = documentIn(text, name);
    if (archived === undefined) return text;
    const parts = [];
    for (const digest of archived) parts.push(await this.#part(name, digest, options));
    return JSON.stringify({ ...document, versions: [...parts.flatMap((part) => versionsIn(part)), ...document.versions] });
  }

  async #keep(name: KeyringName, part: string, options: CallOptions | undefined): Promise<void> {
    const digest = digestOf(part);
    if (this.#parts.has(digest)) return;
    const secret = this.#secretOf(name, digest);
    // The tag too follows from the content: writing a part again is the same write.
    const value = writeValue({ count: 1, tag: digest.slice(0, 12), text: part }, secret);
    if ((await this.#secrets.create(secret, value, versionIdOf(secret, 1), options)) === 'scheduled') throw gone(name);
    this.#remember(digest, part);
  }

  async #part(name: KeyringName, digest: string, options: CallOptions | undefined): Promise<string> {
    const known = this.#parts.get(digest);
    if (known !== undefined) return this.#remember(digest, known);
    const secret = this.#secretOf(name, digest);
    for (let asked = 1; asked <= ABSENT_AFTER; asked++) {
      const value = DIGEST.test(digest) ? await this.#secrets.current(secret, options) : undefined;
      const text = value && readValue(value.text, secret).text;
      if (text !== undefined && digestOf(text) === digest) return this.#remember(digest, text);
      await this.#secrets.calls.pause(FIRST_PAUSE * 2 ** (asked - 1), options);
    }
    throw gone(name);
  }

  #remember(digest: string, part: string): string {
    this.#parts.delete(digest);
    this.#parts.set(digest, part);
    const [oldest] = this.#parts.keys();
    if (oldest !== undefined && this.#parts.size > CACHED) this.#parts.delete(oldest);
    return part;
  }

  #secretOf(name: KeyringName, digest: string): string {
    return `${this.#prefix}${name}/${digest}`;
  }
}

/** As many full parts as there are destroyed versions at the beginning. */
function partsOf({ versions }: Document, size: number): string[] {
  const open = versions.findIndex((version) => fieldOf(version, 'destroyedAt') === null);
  const count = Math.floor((open === -1 ? versions.length : open) / size);
  return Array.from({ length: count }, (_, index) => JSON.stringify({ versions: versions.slice(index * size, (index + 1) * size) }));
}

function digestOf(part: string): string {
  return createHash('sha256').update(part).digest('hex').slice(0, 32);
}

function documentIn(text: string, name: KeyringName): Document {
  const document: unknown = JSON.parse(text);
  if (isDocument(document)) return document;
  throw new KeyturnError('corrupt_document', `The document of keyring ${name} has another shape. Restore it from a backup.`);
}

function isDocument(value: unknown): value is Document {
  const archived = fieldOf(value, 'archived') ?? [];
  const whole = Array.isArray(archived) && archived.every((digest) => typeof digest === 'string');
  return whole && Array.isArray(fieldOf(value, 'versions'));
}

function versionsIn(part: string): readonly unknown[] {
  const versions = fieldOf(JSON.parse(part), 'versions');
  return Array.isArray(versions) ? versions : [];
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
}

function gone(name: KeyringName): KeyturnError {
  return new KeyturnError(
    'corrupt_document',
    `A part of the archived past of keyring ${name} is gone or was changed. Restore it in AWS: its secrets begin with the prefix and /archive/${name}/.`,
  );
}
