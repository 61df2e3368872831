import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { ClientConfig } from 'pg';
import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';

/** Where a server is and how to speak to it. */
export interface Address {
  /** For messages: host, port and database, neither user nor password. */
  readonly where: string;
  readonly config: ClientConfig;
}

const MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
type Mode = (typeof MODES)[number];
const PARAMETERS: readonly string[] = ['sslmode', 'host', 'user'];

/**
 * Reads `postgres://user:password@host:port/database?sslmode=verify-full`. `?host=/folder&user=name` means a Unix socket. Without `sslmode`
 * a server on this machine is spoken to in the clear, and any other only if its certificate proves it.
 * @param caFile authorities to believe instead of the system's
 * @throws KeyturnError `invalid_config`; it never quotes the URL
 */
export function readAddress(url: Secret, caFile: string | null): Address {
  const parsed = parse(url.reveal().trim());
  const unknown = [...parsed.searchParams.keys()].filter((name) => !PARAMETERS.includes(name));
  if (unknown.length > 0) throw refused(`has parameters that Keyturn does not know; it knows ${PARAMETERS.join(', ')}`);
  const host = parsed.searchParams.get('host') ?? decoded(parsed.hostname.replace(/^\[(.*)\]$/, '$1'));
  const database = decoded(parsed.pathname.slice(1));
  const user = parsed.searchParams.get('user') ?? decoded(parsed.username);
  if (host === '' || database === '' || user === '') throw refused('must name a host, a database and a user');
  const port = parsed.port === '' ? 5432 : Number(parsed.port);
  const password = parsed.password === '' ? {} : { password: decoded(parsed.password) };
  const mode = modeOf(parsed.searchParams.get('sslmode'), host);
  const where = host.startsWith('/') ? `${host}, database ${database}` : `${host}:${port}, database ${database}`;
  return { where, config: { host, port, database, user, ...password, ssl: tlsOf(mode, caFile) } };
}

function parse(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed !== null && /^postgres(ql)?:$/.test(parsed.protocol)) return parsed;
  throw refused('is not of the form postgres://user:password@host:5432/database');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused('holds a % that begins no percent-encoding: write it as %25');
  }
}

function modeOf(given: string | null, host: string): Mode {
  const local = host.startsWith('/') || /^(localhost|127(\.\d+){3}|::1)$/.test(host);
  if (given === null) return local ? 'disable' : 'verify-full';
  const mode = MODES.find((known) => known === given);
  if (mode === undefined) throw refused(`has an sslmode that is none of ${MODES.join(', ')}`);
  return mode;
}

function tlsOf(mode: Mode, caFile: string | null): false | ConnectionOptions {
  if (mode === 'disable') return false;
  if (mode === 'require') return { rejectUnauthorized: false };
  const ca = caFile === null ? {} : { ca: readAuthorities(caFile) };
  return mode === 'verify-full' ? { ...ca } : { ...ca, checkServerIdentity: () => undefined };
}

function readAuthorities(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new KeyturnError('invalid_config', `The file of certificate authorities ${path} cannot be read.`, { cause });
  }
}

function refused(why: string): KeyturnError {
  return new KeyturnError('invalid_config', `The URL of the PostgreSQL store ${why}.`);
}
