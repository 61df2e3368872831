import { open, rm, writeFile } from 'node:fs/promises';
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

/** Gives a reserved file back, for whom nothing came to fill it: the same command can be given again. */
export async function releasePrivateFile(path: string): Promise<void> {
  await rm(path, { force: true });
}

/**
 * Streams into a new file (0600): whole on the disk, or not there.
 * @throws Failure `usage` where it cannot be made, or is there already
 */
export async function writePrivateFile(path: string, body: AsyncIterable<Buffer>): Promise<void> {
  await reservePrivateFile(path);
  try {
    await using file = await open(path, 'w', 0o600);
    for await (const bytes of body) await file.writeFile(bytes);
    await file.sync();
  } catch (error) {
    await releasePrivateFile(path);
    throw error;
  }
}

/** Fills a file that was reserved, or replaces its text. */
export async function fillPrivateFile(path: string, text: string): Promise<void> {
  await writeFile(path, `${text}\n`, { mode: 0o600 });
}
