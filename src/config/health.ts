import { resolve } from 'node:path';
import type { Instant } from '../core/time.ts';
import { loadClientSettings } from './client.ts';
import { readText } from './files.ts';
import { invalidConfig, loadConfig, type Surroundings } from './load.ts';

/** Whom to ask whether the service is well: no token goes there. */
export interface HealthTarget {
  /** Without a slash at its end. */
  readonly url: string;
  /** PEM of whom to trust; null = those that Node trusts. */
  readonly ca: string | null;
  /** `ca` is the certificate that the service itself shows: for which names does not matter. */
  readonly pinned: boolean;
}

/** Where to ask instead, for a service that listens on every address. */
const EVERY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * `KEYTURN_URL` and `KEYTURN_CA_FILE`; without a URL the address in the service's own configuration, with the certificate that it names.
 * @throws KeyturnError `invalid_config`
 */
export function loadHealthTarget(surroundings: Surroundings, now: Instant): HealthTarget {
  const { env, cwd } = surroundings;
  const authority = env.KEYTURN_CA_FILE ? textOf(surroundings, resolve(cwd, env.KEYTURN_CA_FILE), 'KEYTURN_CA_FILE') : null;
  if (env.KEYTURN_URL) {
    // a token is not needed, and one that cannot be read is nobody's fault here
    const { url } = loadClientSettings({ ...surroundings, env: { KEYTURN_URL: env.KEYTURN_URL, KEYTURN_TOKEN: 'none' } });
    return { url, ca: authority, pinned: false };
  }
  const { host, port, tls } = loadConfig(surroundings, now);
  const url = `${tls === null ? 'http' : 'https'}://${asHost(EVERY_ADDRESS[host] ?? host)}:${port}`;
  if (tls === null || authority !== null) return { url, ca: authority, pinned: false };
  return { url, ca: textOf(surroundings, tls.certFile, '/tls/certFile'), pinned: true };
}

function textOf({ read }: Surroundings, path: string, name: string): string {
  const file = readText(read, path);
  if ('value' in file) return file.value.text;
  throw invalidConfig([{ path: name, message: file.fault }]);
}

function asHost(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
