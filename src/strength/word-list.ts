import { createReadStream } from 'node:fs';
import { KeyturnError } from '../core/errors.ts';
import { MAX_KEY_LENGTH } from '../core/strength.ts';
import { KnownKeys } from './known-keys.ts';

/** Forms that are kept at most; more would take the memory of the service. */
export const MAX_WORDS = 2_000_000;

/** An entry is at most a key of `\U` escapes with quotes around it; longer lines are passed over. */
const MAX_LINE = MAX_KEY_LENGTH * 10 + 8;

/**
 * An operator's list of known keys: one a line, bare or as a quoted Python literal (the format of Flask-Unsign's word list). Read as a stream;
 * neither the file nor its words are kept, only hashes.
 * @throws KeyturnError `invalid_config` where it cannot be read, or has more than `maxWords` forms
 */
export async function readWordList(path: string, maxWords = MAX_WORDS): Promise<KnownKeys> {
  const known = new KnownKeys();
  try {
    for await (const line of linesOf(path)) {
      known.add(line);
      if (known.size > maxWords) throw tooLong(maxWords);
    }
  } catch (error) {
    throw error instanceof KeyturnError ? error : unreadable(error);
  }
  return known;
}

/** Lines that are not empty and not longer than an entry can be: `readline` would hold a line of any length. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = '';
  let tooLong = false;
  for await (const chunk of createReadStream(path, 'utf8')) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!tooLong && line.length <= MAX_LINE && line.trim() !== '') yield line.replace(/\r$/, '');
      tooLong = false;
    }
    if (rest.length > MAX_LINE) [rest, tooLong] = ['', true];
  }
  if (!tooLong && rest.trim() !== '') yield rest;
}

function tooLong(maxWords: number): KeyturnError {
  return new KeyturnError('invalid_config', `/strength/wordlistFile names a list of more than ${maxWords} words: give a shorter one.`);
}

function unreadable(cause: unknown): KeyturnError {
  return new KeyturnError('invalid_config', '/strength/wordlistFile names a file that cannot be read. Check its path and permissions.', {
    cause,
  });
}
