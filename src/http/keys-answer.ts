import type { Granted, KeySet, ServedKey } from '../app/read-keys.ts';
import { toIso } from '../core/time.ts';
import { isWeak } from '../core/version.ts';

/**
 * The body of a keys answer. All but the lease is the same until the roles change, so it is serialised once for each key set; the lease,
 * which shrinks with the age of the copy, comes last.
 */
export class KeysAnswers {
  readonly #bodies = new WeakMap<KeySet, string>();
  readonly #wires = new WeakMap<KeySet, { readonly leaseSeconds: number; readonly wire: WireAnswer }>();

  /** Made anew when the lease has changed: once a second at most. */
  wireOf(granted: Granted): WireAnswer {
    const { keys, leaseSeconds } = granted;
    const known = this.#wires.get(keys);
    if (known?.leaseSeconds === leaseSeconds) return known.wire;
    const made = wire(granted, this.bodyOf(granted));
    this.#wires.set(keys, { leaseSeconds, wire: made });
    return made;
  }

  bodyOf({ keys, leaseSeconds }: Granted): string {
    let body = this.#bodies.get(keys);
    if (body === undefined) {
      body = serialise(keys);
      this.#bodies.set(keys, body);
    }
    return `${body}${leaseSeconds}}`;
  }
}

/** An answer as it goes over the wire: names and values of its headers in turn, but for the ETag, and the body. */
export interface WireAnswer {
  readonly changed: string[];
  readonly unchanged: string[];
  readonly body: string;
}

function wire(granted: Granted, body: string): WireAnswer {
  const common = Object.entries(headersOf(granted)).flatMap(([name, value]) => [name.toLowerCase(), String(value)]);
  const type = ['content-type', 'application/json; charset=utf-8'];
  const nosniff = ['x-content-type-options', 'nosniff'];
  const length = ['content-length', String(Buffer.byteLength(body))];
  return { changed: [...common, ...type, ...nosniff, ...length], unchanged: common, body };
}

/** Beside the ETag and the type of the body: the same for both answers. */
export function headersOf({ keys, leaseSeconds }: Granted): Record<string, string | number> {
  return { 'Cache-Control': 'no-store', 'Keyturn-Lease': leaseSeconds, 'Keyturn-Refresh': keys.refreshSeconds };
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
