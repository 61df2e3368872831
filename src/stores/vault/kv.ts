import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { KeyturnError } from '../../core/errors.ts';
import type { Instant } from '../../core/time.ts';
import type { CallOptions } from '../../ports/store.ts';
import type { VaultClient } from './client.ts';
import { refused, wordsOf } from './failures.ts';
import type { Answer } from './transport.ts';

const VersionInfo = Type.Object({
  version: Type.Integer({ minimum: 1 }),
  created_time: Type.String(),
  deletion_time: Type.String(),
  destroyed: Type.Boolean(),
});
const Written = Compile(Type.Object({ data: VersionInfo }));
const Held = Compile(Type.Object({ data: Type.Object({ data: Type.Object({}), metadata: VersionInfo }) }));
const Gone = Compile(Type.Object({ data: Type.Object({ metadata: VersionInfo }) }));
const Listed = Compile(Type.Object({ data: Type.Object({ keys: Type.Array(Type.String()) }) }));
const Metadata = Compile(
  Type.Object({
    data: Type.Object({
      current_version: Type.Integer(),
      versions: Type.Record(
        Type.String(),
        Type.Object({ created_time: Type.String(), deletion_time: Type.String(), destroyed: Type.Boolean() }),
      ),
    }),
  }),
);

/** One version of an entry. */
export interface EntryVersion {
  /** Vault's own count of the entry, from 1. It survives deletion. */
  readonly version: number;
  /** As Vault writes it, to the nanosecond. */
  readonly createdTime: string;
}

/** `gone`: the newest version was deleted or destroyed. `destroyed` is for ever; what is only deleted can be undeleted by an operator. */
export type Entry =
  | { readonly state: 'absent' }
  | ({ readonly state: 'gone'; readonly destroyed: boolean } & EntryVersion)
  | ({ readonly state: 'held'; readonly data: object } & EntryVersion);

export interface WriteOptions extends CallOptions {
  readonly repeatable?: boolean;
}

/** The rules of https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2, which OpenBao shares, below one prefix. */
export class KeyValues {
  readonly #client: VaultClient;
  readonly #mount: string;
  readonly #prefix: string;

  constructor(client: VaultClient, mount: string, prefix: string) {
    this.#client = client;
    this.#mount = mount;
    this.#prefix = prefix;
  }

  /** @throws KeyturnError `store_unavailable` for anything but Vault's own word that there is nothing */
  async read(path: string, options?: CallOptions): Promise<Entry> {
    const answer = await this.#client.ask({ method: 'GET', path: this.#at('data', path) }, options);
    if (isAbsence(answer)) return { state: 'absent' };
    const { status, body } = answer;
    if (status === 200 && Held.Check(body)) return { state: 'held', data: body.data.data, ...versionOf(body.data.metadata) };
    if (status === 404 && Gone.Check(body)) {
      const { metadata } = body.data;
      return { state: 'gone', destroyed: metadata.destroyed, ...versionOf(metadata) };
    }
    throw this.#refused(answer, false);
  }

  /**
   * Adds a version where the entry is at version `cas`; 0 = where there never was one. `cas` is always sent: without it Vault overwrites.
   * @param repeatable whether the caller can tell its own write from another's: then one whose answer was lost is sent again
   * @returns null where the entry is at another version
   */
  async write(
    path: string,
    data: object,
    cas: number,
    { repeatable = false, ...options }: WriteOptions = {},
  ): Promise<EntryVersion | null> {
    const call = { method: 'POST', path: this.#at('data', path), body: { options: { cas }, data }, repeatable } as const;
    const answer = await this.#client.ask(call, options);
    const { status, body } = answer;
    if (status === 400 && wordsOf(body).includes('did not match the current version')) return null;
    if (status !== 200 && status !== 204) throw this.#refused(answer, true);
    if (!Written.Check(body)) throw notVersioned(this.#mount);
    if (body.data.deletion_time !== '') throw forgetful(this.#mount);
    return versionOf(body.data);
  }

  /** The names right below, folders with a slash at their end, in no order that can be relied on. */
  async list(path: string, options?: CallOptions): Promise<readonly string[]> {
    const answer = await this.#client.ask({ method: 'LIST', path: this.#at('metadata', path) }, options);
    if (isAbsence(answer)) return [];
    if (answer.status === 200 && Listed.Check(answer.body)) return answer.body.data.keys;
    throw this.#refused(answer, false);
  }

  /** When the first version was written and whether it is still held; null where there never was one. */
  async firstVersion(path: string, options?: CallOptions): Promise<{ readonly storedAt: Instant; readonly held: boolean } | null> {
    const answer = await this.#client.ask({ method: 'GET', path: this.#at('metadata', path) }, options);
    if (isAbsence(answer)) return null;
    if (answer.status !== 200 || !Metadata.Check(answer.body)) throw this.#refused(answer, false);
    const first = answer.body.data.versions['1'];
    return first === undefined ? null : { storedAt: Date.parse(first.created_time), held: !first.destroyed };
  }

  /** Writes without `cas`, by whomever, are refused from now on, and no more than so many versions are kept. Makes the entry where it is missing. */
  async protect(path: string, maxVersions: number, options?: CallOptions): Promise<void> {
    const body = { cas_required: true, max_versions: maxVersions };
    await this.#done({ path: this.#at('metadata', path), body }, options);
  }

  /** Vault keeps nothing of the first version but that it was destroyed. */
  async destroyFirst(path: string, options?: CallOptions): Promise<void> {
    await this.#done({ path: this.#at('destroy', path), body: { versions: [1] } }, options);
  }

  async #done(call: { readonly path: string; readonly body: object }, options?: CallOptions): Promise<void> {
    const answer = await this.#client.ask({ ...call, method: 'POST', repeatable: true }, options);
    if (answer.status !== 200 && answer.status !== 204) throw this.#refused(answer, true);
  }

  #at(kind: 'data' | 'metadata' | 'destroy', path: string): string {
    return `${this.#mount}/${kind}/${this.#prefix}/${path}`;
  }

  #refused(answer: Answer, writing: boolean): KeyturnError {
    return refused(this.#client.where, answer, writing);
  }
}

/** Vault says "no" in one way only: 404 with an empty list of errors. A 404 with words comes from a mount that is not there. */
function isAbsence({ status, body }: Answer): boolean {
  return (
    status === 404 &&
    typeof body === 'object' &&
    body !== null &&
    'errors' in body &&
    Array.isArray(body.errors) &&
    body.errors.length === 0
  );
}

function versionOf({ version, created_time: createdTime }: Type.Static<typeof VersionInfo>): EntryVersion {
  return { version, createdTime };
}

function notVersioned(mount: string): KeyturnError {
  return new KeyturnError(
    'store_unavailable',
    `The engine at ${mount} of Vault keeps no versions: it is not KV version 2. Keyturn needs one that is; name its mount.`,
  );
}

function forgetful(mount: string): KeyturnError {
  return new KeyturnError(
    'store_unavailable',
    `The engine at ${mount} of Vault deletes entries after a time: keys would be lost. Set its delete_version_after to 0s.`,
  );
}
