import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { Secret } from '../core/secret.ts';

/** A file that was read: its text and its permission bits. */
export interface ReadFile {
  readonly text: string;
  readonly mode: number;
}

/** Reads a whole file. Throws what `node:fs` throws. */
export type FileReader = (path: string) => ReadFile;

/** The file system. Text and mode come from one open file, so that they belong together. */
export const readFromDisk: FileReader = (path) => {
  const file = openSync(path, 'r');
  try {
    const { mode } = fstatSync(file);
    // Windows has no such bits and reports all of them.
    return { text: readFileSync(file, 'utf8'), mode: process.platform === 'win32' ? mode & 0o700 : mode };
  } finally {
    closeSync(file);
  }
};

/** What became of an attempt: the value, or in words why not. The words quote no path: a secret may have been put in its place. */
export type Outcome<Value> = { readonly value: Value } | { readonly fault: string; readonly absent: boolean };

export function readText(read: FileReader, path: string): Outcome<ReadFile> {
  try {
    return { value: read(path) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return { fault: `names a file that cannot be read: ${REASONS[String(code)] ?? 'the file system refuses'}`, absent: code === 'ENOENT' };
  }
}

/** The group may read: that is how Kubernetes (fsGroup) hands secrets to a process that is not root. */
const FORBIDDEN_MODES = 0o037;

/** A secret of its own file: not empty, closed to others, not writable by its group. The line break that editors add at the end is left out. */
export function readSecret(read: FileReader, path: string): Outcome<Secret> {
  const file = readText(read, path);
  if ('fault' in file) return file;
  const { text, mode } = file.value;
  if ((mode & FORBIDDEN_MODES) !== 0)
    return {
      fault: 'names a file that others can read or change: give it mode 0600, or 0640 for a group (in Kubernetes: defaultMode: 0440)',
      absent: false,
    };
  const secret = text.replace(/\r?\n$/, '');
  return secret === '' ? { fault: 'names an empty file', absent: false } : { value: new Secret(secret) };
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
};
