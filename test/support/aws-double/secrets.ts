import type { Instant } from '../../../src/core/time.ts';

/** An answer of AWS that says no. */
export class Refusal extends Error {
  readonly type: string;

  constructor(type: string, message = `${type} (double)`) {
    super(message);
    this.type = type;
  }
}

interface Version {
  readonly text: string;
  readonly createdAt: Instant;
  readonly labels: Set<string>;
}

interface Entry {
  readonly createdAt: Instant;
  readonly versions: Map<string, Version>;
  /** In its recovery window. */
  scheduled: boolean;
}

const CURRENT = 'AWSCURRENT';
const PREVIOUS = 'AWSPREVIOUS';
const MAX_BYTES = 65_536;

export type Fields = Readonly<Record<string, unknown>>;

/** The rules of Secrets Manager, as its documentation states them, for what the store uses. */
export class SecretsOfAws {
  #entries = new Map<string, Entry>();
  #copy: ReadonlyMap<string, Entry> | null = null;

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /** What the entry keeps, in all its versions. */
  textsOf(name: string): string[] {
    return [...(this.#entries.get(name)?.versions.values() ?? [])].map(({ text }) => text);
  }

  labelsOf(name: string): string[][] {
    return [...(this.#entries.get(name)?.versions.values() ?? [])].map(({ labels }) => [...labels]);
  }

  /** What reads answer while they are late: all as it is now. */
  remember(): void {
    this.#copy = copyOf(this.#entries);
  }

  /** Somebody deletes the secret by hand, with a recovery window. */
  schedule(name: string): void {
    this.#entry(name).scheduled = true;
  }

  /** Removes versions without a label, as AWS does with old ones. */
  forgetOldVersions(): void {
    for (const { versions } of this.#entries.values()) {
      for (const [id, { labels }] of versions) if (labels.size === 0) versions.delete(id);
    }
  }

  get({ SecretId, VersionId, VersionStage = CURRENT }: Fields, late: boolean): Fields {
    const entry = this.#usable(String(SecretId), late);
    const found = [...entry.versions].find(([id, { labels }]) =>
      VersionId === undefined ? labels.has(String(VersionStage)) : id === VersionId,
    );
    if (found === undefined) throw new Refusal('ResourceNotFoundException');
    const [id, { text, labels, createdAt }] = found;
    return { Name: SecretId, VersionId: id, SecretString: text, VersionStages: [...labels], CreatedDate: createdAt / 1000 };
  }

  batch({ SecretIdList }: Fields, late: boolean): Fields {
    const names = Array.isArray(SecretIdList) ? SecretIdList.map(String) : [];
    if (names.length === 0 || names.length > 20) throw new Refusal('InvalidParameterException');
    const SecretValues = [];
    const Errors = [];
    for (const name of names) {
      try {
        SecretValues.push(this.get({ SecretId: name }, late));
      } catch (error) {
        if (error instanceof Refusal) Errors.push({ SecretId: name, ErrorCode: error.type });
      }
    }
    return { SecretValues, Errors };
  }

  create({ Name, SecretString, ClientRequestToken }: Fields): Fields {
    const [name, text, id] = [String(Name), String(SecretString), String(ClientRequestToken)];
    checkSize(text);
    const existing = this.#entries.get(name);
    if (existing?.scheduled) throw new Refusal('InvalidRequestException');
    if (existing !== undefined && existing.versions.get(id)?.text !== text) throw new Refusal('ResourceExistsException');
    if (existing === undefined) this.#entries.set(name, { createdAt: Date.now(), versions: new Map(), scheduled: false });
    this.#add(this.#entry(name), id, text);
    return { Name: name, VersionId: id };
  }

  /** @param half the version is there, and its label is not moved */
  put({ SecretId, SecretString, ClientRequestToken }: Fields, half: boolean): Fields {
    const [name, text, id] = [String(SecretId), String(SecretString), String(ClientRequestToken)];
    checkSize(text);
    const entry = this.#usable(name, false);
    const existing = entry.versions.get(id);
    if (existing !== undefined && existing.text !== text) throw new Refusal('ResourceExistsException');
    if (half) entry.versions.set(id, { text, createdAt: Date.now(), labels: new Set() });
    else this.#add(entry, id, text);
    return { Name: name, VersionId: id };
  }

  move({ SecretId, VersionStage, MoveToVersionId, RemoveFromVersionId }: Fields): Fields {
    const entry = this.#usable(String(SecretId), false);
    const from = entry.versions.get(String(RemoveFromVersionId));
    const to = entry.versions.get(String(MoveToVersionId));
    if (to === undefined || !from?.labels.has(String(VersionStage))) throw new Refusal('InvalidParameterException');
    label(entry, String(MoveToVersionId));
    return { Name: SecretId };
  }

  delete({ SecretId, ForceDeleteWithoutRecovery }: Fields): Fields {
    if (ForceDeleteWithoutRecovery === true) this.#entries.delete(String(SecretId));
    else this.#usable(String(SecretId), false).scheduled = true;
    return { Name: SecretId };
  }

  list({ Filters, MaxResults = 100, NextToken = '0' }: Fields, late: boolean): Fields {
    const prefix = prefixIn(Filters);
    const all = [...this.#seen(late)].filter(([name, { scheduled }]) => name.startsWith(prefix) && !scheduled);
    const [from, count] = [Number(NextToken), Number(MaxResults)];
    const items = all.slice(from, from + count).map(([name, entry]) => ({
      Name: name,
      CreatedDate: entry.createdAt / 1000,
      SecretVersionsToStages: Object.fromEntries([...entry.versions].map(([id, { labels }]) => [id, [...labels]])),
    }));
    return { SecretList: items, ...(from + count < all.length && { NextToken: String(from + count) }) };
  }

  #add(entry: Entry, id: string, text: string): void {
    if (entry.versions.has(id)) return;
    entry.versions.set(id, { text, createdAt: Date.now(), labels: new Set() });
    label(entry, id);
  }

  #usable(name: string, late: boolean): Entry {
    const entry = this.#seen(late).get(name);
    if (entry === undefined) throw new Refusal('ResourceNotFoundException');
    if (entry.scheduled) throw new Refusal('InvalidRequestException');
    return entry;
  }

  #seen(late: boolean): ReadonlyMap<string, Entry> {
    return late && this.#copy !== null ? this.#copy : this.#entries;
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new Refusal('ResourceNotFoundException');
    return entry;
  }
}

/** The current version becomes the previous one. */
function label(entry: Entry, id: string): void {
  const current = [...entry.versions.values()].find(({ labels }) => labels.has(CURRENT));
  for (const { labels } of entry.versions.values()) for (const each of [CURRENT, PREVIOUS]) labels.delete(each);
  current?.labels.add(PREVIOUS);
  entry.versions.get(id)?.labels.add(CURRENT);
}

function copyOf(entries: ReadonlyMap<string, Entry>): Map<string, Entry> {
  return new Map(
    [...entries].map(([name, entry]) => {
      const versions = [...entry.versions].map(([id, version]) => [id, { ...version, labels: new Set(version.labels) }] as const);
      return [name, { ...entry, versions: new Map(versions) }];
    }),
  );
}

function checkSize(text: string): void {
  if (Buffer.byteLength(text) > MAX_BYTES) throw new Refusal('InvalidParameterException');
}

function prefixIn(filters: unknown): string {
  const [filter] = Array.isArray(filters) ? filters : [];
  const [value] = Array.isArray(filter?.Values) ? filter.Values : [];
  return typeof value === 'string' ? value : '';
}
