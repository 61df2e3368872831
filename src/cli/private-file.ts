import { writeFile } from 'node:fs/promises';
import { EXIT, Failure } from './failure.ts';

/**
 * Makes an empty file that only its owner can read, before the secret exists: one that could not be written down would be lost.
 * @throws Failure `usage` where it cannot be made, or is there already
 */
export async function reservePrivateFile(path: string): Promise<void> {
  await writeFile(path, '', { mode: 0o600, flag: 'wx' }).catch((cause: unknown) => {
    throw new Failure(EXIT.usage, `The file ${path} cannot be made, or is there already. Name a new one.`, { cause });
  });
}

/** Fills a file that was reserved, or replaces its text. */
export async function fillPrivateFile(path: string, text: string): Promise<void> {
  await writeFile(path, `${text}\n`, { mode: 0o600 });
}
