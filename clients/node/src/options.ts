import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isMainThread, threadId } from 'node:worker_threads';
import { type Clock, type Millis, systemClock, systemTimers, type Timers } from './clock.ts';
import { type Log, logToStderr } from './conditions.ts';
import { KeyturnError } from './errors.ts';
import type { Observer } from './events.ts';
import type { Snapshot } from './snapshot.ts';
import type { Random } from './timing.ts';

/** Every option has a default but none is needed where the environment says the rest. */
export interface KeyringOptions {
  /** Default `KEYTURN_URL`, else http://127.0.0.1:8460. */
  readonly url?: string;
  /** Default `KEYTURN_TOKEN`. */
  readonly token?: string;
  /** A file that holds the token; it is read again for each request, so the token may be replaced. Default `KEYTURN_TOKEN_FILE`. */
  readonly tokenFile?: string;
  /** PEM of the certificate authorities to trust. Default `KEYTURN_CA_FILE`, else those that Node trusts. */
  readonly caFile?: string;
  /** Names this instance in the service's list of instances. Default host name and process id. */
  readonly instance?: string;
  /** Seconds that one request may take. Default 3. */
  readonly timeoutSeconds?: number;
  /** Seconds in which `openKeyring` tries to get keys before it gives up. Default 10. */
  readonly startSeconds?: number;
  /** Seconds that the service may hold a request until something changes: changes arrive at once. Default 0 = ask at intervals. */
  readonly waitSeconds?: number;
  /** An encrypted file (mode 0600) that carries the keys over a restart while the service is down and the lease lasts. Default none. */
  readonly cacheFile?: string;
  /**
   * Whether the application uses these keys by now, where that takes a while (a restart, files that others read). Until then the service is shown
   * the ETag of what was in use before, so that no new key signs anywhere because of this instance. Default: at once.
   */
  readonly isInUse?: (snapshot: Snapshot) => boolean;
  /** Default: warnings and errors on standard error. */
  readonly log?: Log;
  /** Hears what happens, for metrics. */
  readonly onEvent?: Observer;
  /** Default the process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** For tests. */
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly random?: Random;
}

export interface Settings {
  readonly url: URL;
  /** @throws KeyturnError `config` where the token's file cannot be read */
  readonly token: () => string;
  readonly ca: string | null;
  readonly instance: string;
  readonly timeout: Millis;
  readonly startWithin: Millis;
  readonly waitSeconds: number;
  readonly cacheFile: string | null;
  readonly isInUse: (snapshot: Snapshot) => boolean;
  readonly log: Log;
  readonly observe: Observer;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

const DEFAULT_URL = 'http://127.0.0.1:8460';
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const INSTANCE = /^[A-Za-z0-9._:@/-]{1,128}$/;
const TOKEN = /^[\x21-\x7e]{1,1000}$/;
const MAX_FILE_BYTES = 1_024 * 1_024;

/** @throws KeyturnError `config`, naming the option */
export function settingsOf(name: string, options: KeyringOptions): Settings {
  const env = options.environment ?? process.env;
  if (!NAME.test(name)) throw invalid('the keyring name must be 1 to 63 of a-z, 0-9, dot, underscore and hyphen');
  const caFile = options.caFile ?? (env.KEYTURN_CA_FILE || null);
  const instance = options.instance ?? defaultInstance();
  if (!INSTANCE.test(instance)) throw invalid('instance must be 1 to 128 of A-Z, a-z, 0-9 and . _ : @ / -');
  const settings: Settings = {
    url: parseUrl(options.url ?? (env.KEYTURN_URL || DEFAULT_URL)),
    token: tokenSource(options, env),
    ca: caFile === null ? null : readText(caFile, 'caFile'),
    instance,
    timeout: seconds(options.timeoutSeconds ?? 3, 'timeoutSeconds', 0.1, 60),
    startWithin: seconds(options.startSeconds ?? 10, 'startSeconds', 0, 3_600),
    waitSeconds: seconds(options.waitSeconds ?? 0, 'waitSeconds', 0, 300) / 1_000,
    cacheFile: options.cacheFile ?? null,
    isInUse: options.isInUse ?? (() => true),
    log: options.log ?? logToStderr,
    observe: quietly(options.onEvent),
    clock: options.clock ?? systemClock,
    timers: options.timers ?? systemTimers,
    random: options.random ?? Math.random,
  };
  settings.token();
  return settings;
}

/** An observer that throws must not take the application with it. */
function quietly(observer: Observer | undefined): Observer {
  return (event) => {
    try {
      observer?.(event);
    } catch {}
  };
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw invalid('url must begin with http:// or https://');
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol)) throw invalid('url must begin with http:// or https://');
  if (url.username !== '' || url.password !== '') throw invalid('url must not hold a user or a password: give the token as tokenFile');
  if (url.search !== '' || url.hash !== '') throw invalid('url must end before any ? or #');
  return url;
}

function tokenSource(options: KeyringOptions, env: Readonly<Record<string, string | undefined>>): () => string {
  const text = options.token ?? (options.tokenFile === undefined ? env.KEYTURN_TOKEN || undefined : undefined);
  if (text !== undefined) return () => parseToken(text);
  const file = options.tokenFile ?? (env.KEYTURN_TOKEN_FILE || undefined);
  if (file === undefined) throw invalid('there is no token: set KEYTURN_TOKEN_FILE, or give tokenFile');
  return () => parseToken(readText(file, 'tokenFile'));
}

function parseToken(text: string): string {
  const token = text.trim();
  if (!TOKEN.test(token)) throw invalid('the token must be one line of printable characters without blanks');
  return token;
}

function readText(path: string, option: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length <= MAX_FILE_BYTES) return text;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
    throw new KeyturnError('config', `The file of ${option} cannot be read${code}: check its path and its owner.`, { cause });
  }
  throw invalid(`the file of ${option} is too large`);
}

function seconds(value: number, option: string, min: number, max: number): Millis {
  if (typeof value !== 'number' || !(value >= min && value <= max)) throw invalid(`${option} must be a number from ${min} to ${max}`);
  return value * 1_000;
}

/** Each process of a cluster and each thread is an instance of its own. */
function defaultInstance(): string {
  const host =
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, 80) || 'host';
  return isMainThread ? `${host}:${process.pid}` : `${host}:${process.pid}:${threadId}`;
}

function invalid(what: string): KeyturnError {
  return new KeyturnError('config', `The options of the keyring do not do: ${what}.`);
}
