import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { type CacheContent, type CachedKeys, readContent, writeContent } from './cache-content.ts';
import { badCache, type CacheOwner, openCache, sealCache } from './cache-format.ts';
import { CacheWriter, isWriterAlive } from './cache-writer.ts';
import type { Instant } from './clock.ts';
import { KeyturnError } from './errors.ts';

const MAX_FILE_BYTES = 256 * 1_024;
const PRIVATE = 0o600;
const OPEN_TO_OTHERS = 0o077;

/** One encrypted file for a keyring. Processes may share it: each write is whole and replaces the last, and nobody reads it while its writer runs. */
export class CacheFile {
  readonly #path: string;
  readonly #keyring: string;
  readonly #url: string;
  readonly #writer = new CacheWriter();

  constructor(path: string, keyring: string, url: string) {
    this.#path = path;
    this.#keyring = keyring;
    this.#url = url;
  }

  /**
   * Null where there is no file.
   * @throws KeyturnError `bad_cache`, `bad_answer`, `bad_key`, `lease_ended`, `clock_jump`; Error of node:fs
   */
  async load(token: string, now: Instant): Promise<CachedKeys | null> {
    const bytes = await this.#read();
    if (bytes === null) return null;
    const text = openCache(this.#owner(token), bytes).toString('utf8');
    if (await isWriterAlive(bytes)) throw stillWritten();
    return readContent(text, this.#keyring, now);
  }

  /** @throws Error of node:fs */
  async save(token: string, content: CacheContent): Promise<void> {
    const sealed = sealCache(this.#owner(token), randomBytes(32), Buffer.from(writeContent(content)));
    const beside = `${this.#path}.${process.pid}.${randomBytes(4).toString('hex')}.new`;
    const claim = await this.#writer.claim(sealed);
    try {
      await writeDurably(beside, sealed);
      await rename(beside, this.#path);
      claim.keep();
    } catch (error) {
      claim.drop();
      await rm(beside, { force: true });
      throw error;
    }
  }

  /** @throws Error of node:fs */
  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  /** This process shows no more keys to the service. */
  letGo(): void {
    this.#writer.release();
  }

  #owner(token: string): CacheOwner {
    return { token, url: this.#url, keyring: this.#keyring };
  }

  async #read(): Promise<Buffer | null> {
    const file = await open(this.#path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    });
    if (file === null) return null;
    try {
      if (!isOursAlone(await file.stat())) throw badCache();
      return await file.readFile();
    } finally {
      await file.close();
    }
  }
}

function stillWritten(): KeyturnError {
  return new KeyturnError('bad_cache', 'The process that wrote the cache file still runs: its lease is its own. The file is not used.');
}

async function writeDurably(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'wx', PRIVATE);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What another user could have written or read is no cache of ours. */
function isOursAlone(stats: Stats): boolean {
  const isPrivate = process.platform === 'win32' || ((stats.mode & OPEN_TO_OTHERS) === 0 && stats.uid === process.getuid?.());
  return stats.isFile() && isPrivate && stats.size <= MAX_FILE_BYTES;
}
