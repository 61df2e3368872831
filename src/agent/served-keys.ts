import { createHash } from 'node:crypto';
import type { PreviousKey, SigningKey, Snapshot } from '../../clients/node/src/index.ts';

/** A local program asks often: it costs nothing, and a change is there at once. */
const LONGEST_REFRESH = 10;

export interface ServedKeys {
  readonly snapshot: Snapshot;
  /** What is left of the agent's own lease, in whole seconds, 1 or more. */
  readonly leaseSeconds: number;
}

/** Seconds: three tries fit into the lease. */
export function refreshOf({ leaseSeconds }: ServedKeys): number {
  return Math.max(1, Math.min(LONGEST_REFRESH, Math.floor(leaseSeconds / 3)));
}

/** The answer of the keys call, as the service gives it, but with the lease that is left. */
export function bodyOf(served: ServedKeys): string {
  const { name, revision, current, next, previous } = served.snapshot;
  const fields = {
    name,
    revision,
    current: signing(current),
    previous: previous.map(verifying),
    next: next === null ? null : signing(next),
  };
  return JSON.stringify({ ...fields, refreshAfterSeconds: refreshOf(served), leaseSeconds: served.leaseSeconds });
}

/** Changes with the keys and with their roles; says nothing about the service's own tag, which names this agent's session there. */
export function etagOf({ revision, current, next, previous }: Snapshot): string {
  const roles = [revision, current.version, next?.version ?? 0, ...previous.map(({ version }) => version)].join('.');
  return `"${createHash('sha256').update(roles).digest('hex').slice(0, 32)}"`;
}

function signing({ version, key, activatesAt }: SigningKey): object {
  return { version, key, activatesAt };
}

function verifying({ version, key, verifyUntil, weak }: PreviousKey): object {
  return { version, key, verifyUntil, ...(weak && { weak }) };
}
