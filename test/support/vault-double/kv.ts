interface Version {
  readonly createdTime: string;
  deletionTime: string;
  destroyed: boolean;
  data: unknown;
}

interface Entry {
  current: number;
  oldest: number;
  casRequired: boolean;
  maxVersions: number;
  readonly versions: Map<number, Version>;
}

export interface KvAnswer {
  readonly status: number;
  readonly body?: object;
}

const NOT_FOUND: KvAnswer = { status: 404, body: { errors: [] } };
const DONE: KvAnswer = { status: 204 };
const invalid = (...errors: string[]): KvAnswer => ({ status: 400, body: { errors } });

/**
 * The rules of a KV engine, version 2, as its API documentation has them
 * (https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2), with the texts that the real one uses.
 */
export class KvEngine {
  readonly #entries: Map<string, Entry>;
  readonly #now: () => number;
  /** Every version is deleted this many seconds after it was written; 0 = never. A setting of the mount. */
  deleteVersionAfter = 0;
  #nanos = 0;

  constructor(now: () => number, entries = new Map<string, Entry>()) {
    this.#now = now;
    this.#entries = entries;
  }

  /** As a standby that gets no news has it. */
  snapshot(): KvEngine {
    return new KvEngine(this.#now, structuredClone(this.#entries));
  }

  exists(path: string): boolean {
    return this.#entries.has(path);
  }

  /** What the server still holds, in any version of any entry. */
  heldBytes(): string {
    return JSON.stringify([...this.#entries].map(([path, { versions }]) => [path, [...versions.values()].map(({ data }) => data)]));
  }

  handle(
    kind: string,
    path: string,
    operation: 'read' | 'list' | 'write' | 'delete',
    body: Record<string, unknown>,
    version: number,
  ): KvAnswer {
    if (kind === 'data') return this.#data(path, operation, body, version);
    if (kind === 'metadata') return this.#metadata(path, operation, body);
    if (operation !== 'write') return { status: 405, body: { errors: ['unsupported operation'] } };
    if (kind === 'destroy') return this.#destroy(path, body);
    if (kind === 'undelete') return this.#undelete(path, body);
    if (kind === 'delete') return this.#softDelete(path, versionsIn(body));
    return { status: 404, body: { errors: ['no handler for route. route entry not found.'] } };
  }

  #data(path: string, operation: string, body: Record<string, unknown>, version: number): KvAnswer {
    if (operation === 'read') return this.#read(path, version);
    if (operation === 'write') return this.#write(path, body);
    if (operation === 'delete') return this.#softDelete(path, [this.#entries.get(path)?.current ?? 0]);
    return { status: 405, body: { errors: ['unsupported operation'] } };
  }

  #metadata(path: string, operation: string, body: Record<string, unknown>): KvAnswer {
    if (operation === 'list') return this.#list(path);
    if (operation === 'read') return this.#readMetadata(path);
    if (operation === 'write') return this.#writeMetadata(path, body);
    this.#entries.delete(path);
    return DONE;
  }

  #read(path: string, asked: number): KvAnswer {
    const entry = this.#entries.get(path);
    const number = asked > 0 ? asked : (entry?.current ?? 0);
    const version = entry?.versions.get(number);
    if (version === undefined) return NOT_FOUND;
    const gone = version.destroyed || this.#isDeleted(version);
    const metadata = { version: number, ...infoOf(version), custom_metadata: null };
    return { status: gone ? 404 : 200, body: { data: { data: gone ? null : version.data, metadata } } };
  }

  #write(path: string, { data, options = {} }: Record<string, unknown>): KvAnswer {
    if (typeof data !== 'object' || data === null) return invalid('no data provided');
    const entry = this.#entries.get(path) ?? emptyEntry();
    const cas = typeof options === 'object' && options !== null && 'cas' in options ? options.cas : undefined;
    if (cas === undefined && entry.casRequired) return invalid('check-and-set parameter required for this call');
    if (cas !== undefined && cas !== entry.current) return invalid('check-and-set parameter did not match the current version');
    this.#entries.set(path, entry);
    const version = { createdTime: this.#time(), deletionTime: this.#deletionTime(), destroyed: false, data: structuredClone(data) };
    entry.versions.set(++entry.current, version);
    const limit = entry.maxVersions || 10;
    for (; entry.current - entry.oldest >= limit; entry.oldest++) entry.versions.delete(entry.oldest);
    return { status: 200, body: { data: { version: entry.current, ...infoOf(version), custom_metadata: null } } };
  }

  #list(path: string): KvAnswer {
    const folder = path === '' || path.endsWith('/') ? path : `${path}/`;
    const below = [...this.#entries.keys()].filter((key) => key.startsWith(folder)).map((key) => key.slice(folder.length));
    const keys = new Set(below.map((rest) => rest.replace(/\/.*$/s, '/')));
    return keys.size === 0 ? NOT_FOUND : { status: 200, body: { data: { keys: [...keys].sort() } } };
  }

  #readMetadata(path: string): KvAnswer {
    const entry = this.#entries.get(path);
    if (entry === undefined) return NOT_FOUND;
    const versions = Object.fromEntries([...entry.versions].map(([number, version]) => [String(number), infoOf(version)]));
    const data = { versions, current_version: entry.current, cas_required: entry.casRequired, max_versions: entry.maxVersions };
    return { status: 200, body: { data } };
  }

  #writeMetadata(path: string, body: Record<string, unknown>): KvAnswer {
    const entry = this.#entries.get(path) ?? emptyEntry();
    this.#entries.set(path, entry);
    if (typeof body.cas_required === 'boolean') entry.casRequired = body.cas_required;
    if (typeof body.max_versions === 'number') entry.maxVersions = body.max_versions;
    return DONE;
  }

  #destroy(path: string, body: Record<string, unknown>): KvAnswer {
    if (versionsIn(body).length === 0) return invalid('no version number provided');
    for (const version of this.#versions(path, body)) {
      version.destroyed = true;
      version.data = null;
    }
    return DONE;
  }

  #undelete(path: string, body: Record<string, unknown>): KvAnswer {
    for (const version of this.#versions(path, body)) if (!version.destroyed) version.deletionTime = '';
    return DONE;
  }

  #softDelete(path: string, numbers: readonly number[]): KvAnswer {
    for (const version of this.#versions(path, { versions: numbers })) version.deletionTime = this.#time();
    return DONE;
  }

  #versions(path: string, body: Record<string, unknown>): Version[] {
    const entry = this.#entries.get(path);
    return versionsIn(body).flatMap((number) => entry?.versions.get(number) ?? []);
  }

  #isDeleted({ deletionTime }: Version): boolean {
    return deletionTime !== '' && Date.parse(deletionTime) <= this.#now();
  }

  #deletionTime(): string {
    return this.deleteVersionAfter === 0 ? '' : new Date(this.#now() + this.deleteVersionAfter * 1_000).toISOString();
  }

  /** To the nanosecond, no two alike. */
  #time(): string {
    this.#nanos = (this.#nanos + 1) % 1_000_000;
    return new Date(this.#now()).toISOString().replace('Z', `${String(this.#nanos).padStart(6, '0')}Z`);
  }
}

function infoOf({ createdTime, deletionTime, destroyed }: Version) {
  return { created_time: createdTime, deletion_time: deletionTime, destroyed };
}

function emptyEntry(): Entry {
  return { current: 0, oldest: 0, casRequired: false, maxVersions: 0, versions: new Map() };
}

function versionsIn({ versions }: Record<string, unknown>): number[] {
  return Array.isArray(versions) ? versions.filter((version) => typeof version === 'number' && version > 0) : [];
}
