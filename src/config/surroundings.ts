import { readFromDisk } from './files.ts';
import type { Surroundings } from './load.ts';

/** The process's own environment, working directory and files. The one place that reads `process.env`. */
export function currentSurroundings(): Surroundings {
  return { env: process.env, cwd: process.cwd(), read: readFromDisk };
}
