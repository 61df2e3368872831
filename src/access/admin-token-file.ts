import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyturnError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';

/** Where the first start leaves the admin token, and where the command line looks for it: in the data folder. */
export const ADMIN_TOKEN_FILE = 'admin.token';

/**
 * Writes the token to `<dataDir>/admin.token` (0600), whole or not at all, replacing what is there. Returns the path.
 * @throws KeyturnError `store_read_only` when the folder cannot be written
 */
export async function writeAdminToken(dataDir: string, text: Secret): Promise<string> {
  const path = join(dataDir, ADMIN_TOKEN_FILE);
  const draft = join(dataDir, `.${ADMIN_TOKEN_FILE}.${randomUUID()}`);
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await writeDurably(draft, `${text.reveal()}\n`);
    await rename(draft, path);
    return path;
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw new KeyturnError('store_read_only', `The admin token cannot be written to ${path}: make the data folder writable.`, { cause });
  }
}

async function writeDurably(path: string, content: string): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  await file.writeFile(content);
  await file.sync();
}
