import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { footerOf, headerOf } from '../audit/verify-segment.ts';
import { KeyturnError } from '../core/errors.ts';

/** An exported segment of the audit log, as its ends tell without being proven. */
export interface SegmentFile {
  readonly path: string;
  /** The record after which it begins; 0 where its first line is no header. */
  readonly after: number;
  /** Its last record; null where its last line is no checkpoint. */
  readonly last: number | null;
  /** Of the log that it says it is of. */
  readonly publicKey: string | null;
}

/** Longer than a checkpoint can be. */
const TAIL = 2_048;

/**
 * Of files, and of folders, in which what is no segment is passed over; in the order of the log.
 * @throws KeyturnError `invalid_config` where one cannot be read
 */
export async function segmentsIn(paths: readonly string[]): Promise<SegmentFile[]> {
  const found = await Promise.all(paths.map((path) => reading(path, () => segmentsAt(path))));
  return found.flat().sort((one, other) => one.after - other.after || (one.last ?? Infinity) - (other.last ?? Infinity));
}

async function segmentsAt(path: string): Promise<SegmentFile[]> {
  if (!(await stat(path)).isDirectory()) return [await endsOf(path)];
  const entries = await readdir(path, { withFileTypes: true });
  const inside = entries.filter((entry) => entry.isFile()).map(({ name }) => endsOf(join(path, name)));
  return (await Promise.all(inside)).filter(({ publicKey }) => publicKey !== null);
}

async function endsOf(path: string): Promise<SegmentFile> {
  const header = headerOf(await firstLineOf(path));
  const footer = footerOf(await lastLineOf(path));
  return { path, after: header?.begin.sequence ?? 0, last: footer?.sequence ?? null, publicKey: header?.publicKey ?? null };
}

async function firstLineOf(path: string): Promise<string> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL), 0, TAIL, 0);
  return buffer.toString('utf8', 0, bytesRead).split('\n', 1)[0] ?? '';
}

async function lastLineOf(path: string): Promise<string> {
  await using file = await open(path);
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL), 0, TAIL, Math.max(0, size - TAIL));
  return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').at(-1) ?? '';
}

async function reading<Result>(path: string, read: () => Promise<Result>): Promise<Result> {
  return read().catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
}

function unreadable(path: string, cause: unknown): KeyturnError {
  return new KeyturnError('invalid_config', `${path} cannot be read.`, { cause });
}
