import type { KeyringName } from '../core/name.ts';
import type { Millis } from '../core/time.ts';

/**
 * What a value is made of:
 * - `current`: the text of the key that signs;
 * - `flask`: the same, so that Flask's `from_prefixed_env` (which reads JSON) gets it back as a text;
 * - `all`: a JSON list of every key that verifies: previous from old to new, next, current. For those that sign with the last (itsdangerous);
 * - `current-first`: the same list, current first, then next, then previous from new to old. For those that sign with the first (keygrip).
 */
export const SOURCES = ['current', 'flask', 'all', 'current-first'] as const;
export type Source = (typeof SOURCES)[number];

export interface Variable {
  readonly name: string;
  readonly source: Source;
}

/** How a program reads the keys from its environment. */
export const FLASK_VARIABLES: readonly Variable[] = [
  { name: 'FLASK_SECRET_KEY', source: 'flask' },
  { name: 'FLASK_SECRET_KEY_FALLBACKS', source: 'all' },
];

/**
 * - `env`: a line `NAME='value'` for each variable, as a shell, systemd and docker compose read them;
 * - `json`: the whole answer as an object;
 * - `raw`: one value and nothing else, not even a line break.
 */
export type Template =
  | { readonly kind: 'env'; readonly variables: readonly Variable[] }
  | { readonly kind: 'json' }
  | { readonly kind: 'raw'; readonly source: Source };

export interface Owner {
  /** Null = stays. */
  readonly user: number | null;
  readonly group: number | null;
}

export interface KeyFile {
  /** Absolute. */
  readonly path: string;
  readonly template: Template;
  /** Permission bits. */
  readonly mode: number;
  readonly owner: Owner;
}

/** What happens to a running program when the keys change. */
export type OnChange = { readonly kind: 'restart' } | { readonly kind: 'signal'; readonly signal: NodeJS.Signals };

export interface ExecRequest {
  readonly keyring: KeyringName;
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly variables: readonly Variable[];
  /** A file with the keys as JSON, kept up to date; the program finds its path in KEYTURN_KEYS_FILE. */
  readonly keysFile: string | null;
  readonly onChange: OnChange;
  /** From SIGTERM to SIGKILL. */
  readonly grace: Millis;
  /** From one start to the next, unless the lease is shorter or a key was cut. */
  readonly minInterval: Millis;
  /** Restarts are spread over so long. */
  readonly splay: Millis;
  readonly cacheFile: string | null;
  readonly instance: string | null;
}

export interface AgentKeyring {
  readonly name: KeyringName;
  readonly files: readonly KeyFile[];
  /** Run after each change of the files, their removal included; null = none. */
  readonly onChange: readonly string[] | null;
  /** From a change of the files to when every program has surely read them. */
  readonly settle: Millis;
}

export interface AgentSocket {
  /** Absolute. */
  readonly path: string;
  readonly mode: number;
  readonly group: number | null;
}

export interface AgentSettings {
  readonly keyrings: readonly AgentKeyring[];
  readonly socket: AgentSocket | null;
  /** Folder of the encrypted caches; null = none are kept. */
  readonly cacheDir: string | null;
  readonly instance: string | null;
}

/** Hands keys to programs that take no library. Both run until they are told to stop, or until there is nothing left to do. Errors are KeyturnErrors. */
export interface SideCar {
  /** The exit code of the program, or one of its own that says why there is none. */
  exec(request: ExecRequest): Promise<number>;
  /** The exit code. */
  agent(settings: AgentSettings): Promise<number>;
}
