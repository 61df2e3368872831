import { toIso } from '../core/time.ts';
import type { Checkpoint } from '../ports/audit.ts';
import type { AuditRecord } from '../ports/journal.ts';

/** A record as it is shown and exported: the instant as text, everything else as it is. */
export function recordView({ sequence, at, ...rest }: AuditRecord) {
  return { sequence, at: toIso(at), ...rest, versions: [...rest.versions] };
}

export function checkpointView({ at, ...rest }: Checkpoint) {
  return { ...rest, at: toIso(at) };
}
