import { encodeKeyring } from '../../core/codec.ts';
import { KeyturnError } from '../../core/errors.ts';
import type { Keyring } from '../../core/keyring.ts';
import { isKeyringName, type KeyringName } from '../../core/name.ts';
import type { CallOptions, ChangeCursor, Page, Revision, Stored } from '../../ports/store.ts';
import { readDocument } from '../read-document.ts';
import type { Entries } from './entries.ts';
import type { IntentFeed } from './feed.ts';
import type { EntryVersion } from './kv.ts';

const FOLDER = 'keyrings/';
/** Documents hold no material: older ones are kept for whoever wants to look, and are not needed. */
const VERSIONS_KEPT = 5;

export type Documents = ReturnType<typeof documentsIn>;

/**
 * Keyring documents, one entry each. A revision is Vault's version, which is what the swap compares, and the instant of its writing: that one keeps
 * revisions from coming back after a snapshot was restored.
 */
export function documentsIn(entries: Entries, feed: IntentFeed) {
  const names = async (options?: CallOptions): Promise<KeyringName[]> => {
    const listed = await entries.kv.list(FOLDER.slice(0, -1), options);
    const met = entries.metIn(FOLDER).map((path) => path.slice(FOLDER.length));
    return [...new Set([...listed, ...met])].filter(isKeyringName).sort();
  };

  return {
    async load(name: KeyringName, options?: CallOptions): Promise<Stored | undefined> {
      const entry = await entries.read(FOLDER + name, options);
      if (entry.state === 'absent') return undefined;
      if (entry.state === 'gone') throw deletedByHand(name);
      return { keyring: readDocument(name, JSON.stringify(entry.data)), revision: revisionOf(entry) };
    },

    /** Two writes: the intent, and the document. The second is the commit point. */
    async swap(keyring: Keyring, expected: Revision | null, options?: CallOptions): Promise<Revision | null> {
      const path = FOLDER + keyring.name;
      const from = expected === null ? 0 : versionIn(expected);
      if (from === null) return null;
      const document: object = JSON.parse(encodeKeyring(keyring));
      if (from === 0) await entries.kv.protect(path, VERSIONS_KEPT, options);
      await feed.announce(path, from, options);
      // met since: another won, and asking Vault for its no is not needed
      if (entries.met(path) > from) return null;
      const written = await entries.kv.write(path, document, from, options);
      if (written === null) {
        await entries.lookBeyond(path, from, options);
        return null;
      }
      entries.advance(path, written.version);
      return revisionOf(written);
    },

    async page(after: KeyringName | null, limit: number, options?: CallOptions): Promise<Page<KeyringName, KeyringName>> {
      const following = (await names(options)).filter((name) => after === null || name > after);
      const items = following.slice(0, limit);
      return { items, next: following.length > limit ? (items.at(-1) ?? null) : null };
    },

    async changes(since: ChangeCursor | null, options?: CallOptions) {
      const { cursor, paths } = await feed.changes(since, FOLDER, options);
      return { cursor, names: paths?.map((path) => path.slice(FOLDER.length)).filter(isKeyringName) ?? (await names(options)) };
    },
  };
}

function revisionOf({ version, createdTime }: EntryVersion): Revision {
  return `${version}-${createdTime.replace(/[^0-9A-Za-z.]/g, '')}` as Revision;
}

/** Null for a revision that is none of ours. */
function versionIn(revision: Revision): number | null {
  const version = /^([1-9]\d{0,14})-/.exec(revision)?.[1];
  return version === undefined ? null : Number(version);
}

function deletedByHand(name: KeyringName): KeyturnError {
  return new KeyturnError(
    'corrupt_document',
    `The document of keyring ${name} was deleted in Vault by other hands. Undelete its last version there, or restore a snapshot.`,
  );
}
