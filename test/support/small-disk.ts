import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What of a tap test this needs. */
interface Teardown {
  teardown(action: () => unknown): void;
}

/** A disk of its own, so small that it can be filled. */
export interface SmallDisk {
  readonly path: string;
  /** Fills it up to so many free bytes. */
  fill(free?: number): void;
  /** Gives back what `fill` took. */
  release(): void;
}

const STEP = 4_096;

/** Why this machine does not allow to mount one; false where it does. */
export function noSmallDisk(): string | false {
  const path = mkdtempSync(join(tmpdir(), 'keyturn-disk-'));
  try {
    mount(path, '1m');
    execFileSync('umount', [path]);
    return false;
  } catch (error) {
    return `no disk can be mounted here: ${error instanceof Error ? error.message.split('\n')[0] : 'unknown'}`;
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

/** Mounts it; unmounted after the test. */
export function smallDisk(t: Teardown, size = '6m'): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'keyturn-disk-'));
  mount(path, size);
  t.teardown(() => {
    execFileSync('umount', ['-l', path]);
    rmSync(path, { recursive: true, force: true });
  });
  const ballast = join(path, 'ballast');
  const release = (): void => rmSync(ballast, { force: true });
  return { path, release, fill: (free = 0) => fill(path, ballast, free) };
}

function mount(path: string, size: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', path], { stdio: 'pipe' });
}

function fill(path: string, ballast: string, free: number): void {
  const { bavail, bsize } = statfsSync(path);
  const file = openSync(ballast, 'a');
  try {
    for (let left = bavail * bsize - free; left >= STEP; left -= STEP) writeSync(file, Buffer.alloc(STEP));
  } finally {
    closeSync(file);
  }
}
