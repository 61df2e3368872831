import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { formsOf } from './forms.ts';

/** Characters of base64 that are kept of each hash: 96 bits, so that no two keys meet by chance. */
const KEPT = 16;

/**
 * Keys that the world knows, as hashes: a million take some 100 MB. Compared on their raw, trimmed, unescaped and unquoted forms, whatever
 * their case.
 */
export class KnownKeys {
  readonly #hashes = new Set<string>();

  get size(): number {
    return this.#hashes.size;
  }

  add(text: string): void {
    for (const form of formsOf(text)) this.#hashes.add(hashOf(form));
  }

  has(text: string): boolean {
    return formsOf(text).some((form) => this.#hashes.has(hashOf(form)));
  }
}

/** The built-in list: defaults and examples of frameworks, images and tutorials, and their digests, which people take for random. */
export function builtInKeys(): KnownKeys {
  const known = new KnownKeys();
  const text = readFileSync(new URL('./well-known-keys.txt', import.meta.url), 'utf8');
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('## ')) continue;
    known.add(line);
    for (const digest of digestsOf(line)) known.add(digest);
  }
  return known;
}

function digestsOf(text: string): string[] {
  return ['md5', 'sha1', 'sha256'].flatMap((algorithm) => [hash(algorithm, text, 'hex'), hash(algorithm, text, 'base64')]);
}

function hashOf(form: string): string {
  return hash('sha256', form, 'base64').slice(0, KEPT);
}
