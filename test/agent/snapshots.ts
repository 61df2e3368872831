import { PreviousKey, SigningKey, Snapshot } from '../../clients/node/src/index.ts';
import { keyOf } from '../clients/node/keys-service.ts';

export const SINCE = '2026-01-01T00:00:00.000Z';
export const UNTIL = '2026-03-01T00:00:00.000Z';

interface Roles {
  readonly current: number;
  readonly next?: number;
  /** Newest first. */
  readonly previous?: readonly number[];
}

/** A snapshot whose keys are hashes of their versions, but for those given. */
export function snapshotOf({ current, next, previous = [] }: Roles, texts: Readonly<Record<number, string>> = {}): Snapshot {
  const text = (version: number) => texts[version] ?? keyOf(version);
  return new Snapshot({
    name: 'web',
    revision: 'r',
    current: new SigningKey(current, text(current), SINCE),
    next: next === undefined ? null : new SigningKey(next, text(next), SINCE),
    previous: previous.map((version) => new PreviousKey(version, text(version), UNTIL, false)),
  });
}
