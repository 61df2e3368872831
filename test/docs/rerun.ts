import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyturnServe } from './keyturn-serve.ts';
import { masked, parse, rerun, write } from './transcript.ts';

/** Where the pages say that the service is. */
const DEFAULT_ADDRESS = '127.0.0.1:8460';

/** A page with all its commands typed again, against a fresh service. */
export async function rerunPage(page: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'keyturn-'));
  try {
    await using service = await keyturnServe(folder);
    const { host } = new URL(service.url);
    const pieces = await rerun(parse(page), folder, (command) => command.replaceAll(DEFAULT_ADDRESS, host));
    return masked(write(pieces).replaceAll(host, DEFAULT_ADDRESS));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [path] = process.argv.slice(2);
if (import.meta.main && path !== undefined) writeFileSync(path, await rerunPage(readFileSync(path, 'utf8')));
