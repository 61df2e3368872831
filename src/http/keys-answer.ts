import type { Granted, KeySet, ServedKey } from '../app/read-keys.ts';
import { toIso } from '../core/time.ts';
import { isWeak } from '../core/version.ts';

/**
 * The body of a keys answer. All but the lease is the same until the roles change, so it is serialised once for each key set; the lease,
 * which shrinks with the age of the copy, comes last.
 */
export class KeysAnswers {
  readonly #bodies = new WeakMap<KeySet, string>();

  bodyOf({ keys, leaseSeconds }: Granted): string {
    let body = this.#bodies.get(keys);
    if (body === undefined) {
      body = serialise(keys);
      this.#bodies.set(keys, body);
    }
    return `${body}${leaseSeconds}}`;
  }
}

/** Up to and including `"leaseSeconds":`. */
function serialise({ name, revision, current, previous, next, refreshSeconds }: KeySet): string {
  const fields = {
    name,
    revision,
    current: signing(current),
    previous: previous.map(({ version, material }) => ({
      version: version.version,
      key: material.reveal(),
      verifyUntil: version.verifyUntil === null ? null : toIso(version.verifyUntil),
      ...(isWeak(version) && { weak: true }),
    })),
    next: next === null ? null : signing(next),
    refreshAfterSeconds: refreshSeconds,
  };
  return `${JSON.stringify(fields).slice(0, -1)},"leaseSeconds":`;
}

function signing({ version, material }: ServedKey) {
  return { version: version.version, key: material.reveal(), activatesAt: toIso(version.activatesAt) };
}
