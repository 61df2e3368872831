import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { KeyturnError } from '../core/errors.ts';

/** The lines of a text file. @throws KeyturnError `invalid_config` where it cannot be read, at the first line */
export async function* linesIn(file: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY });
  } catch (cause) {
    throw new KeyturnError('invalid_config', `${file} cannot be read.`, { cause });
  }
}
