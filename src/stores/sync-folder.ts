import { closeSync, fsyncSync, openSync } from 'node:fs';

/** After it the names in a folder, such as a file's new one, outlast a power cut. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
