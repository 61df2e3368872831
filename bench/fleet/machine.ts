import { cpus, loadavg, release, totalmem } from 'node:os';

/** What the figures were measured on. */
export function machine(): string {
  const [cpu] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, ${gigabytes} GB, Linux ${release()}, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)} at the start`;
}
