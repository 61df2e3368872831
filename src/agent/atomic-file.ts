import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { KeyFile, Owner } from '../ports/sidecar.ts';

const PRIVATE = 0o600;

/**
 * Replaces a file: readers see the old text or the new one, whole, and after a crash it is one of them too. Mode and owner are set before
 * anything secret is in it.
 * @throws Error of node:fs
 */
export async function writeAtomically({ path, mode, owner }: Pick<KeyFile, 'path' | 'mode' | 'owner'>, text: string): Promise<void> {
  const beside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.new`;
  try {
    await writeDurably(beside, text, mode, owner);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** @throws Error of node:fs */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
}

async function writeDurably(path: string, text: string, mode: number, { user, group }: Owner): Promise<void> {
  await using file = await open(path, 'wx', PRIVATE);
  const { uid, gid } = await file.stat();
  if (user !== null || group !== null) await file.chown(user ?? uid, group ?? gid);
  await file.chmod(mode);
  await file.writeFile(text);
  await file.sync();
}

/** The new name is on the disk too. */
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}
