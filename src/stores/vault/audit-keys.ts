import { type AuditKeys, makeAuditKeys, readAuditKeys } from '../../audit/keys.ts';
import { KeyturnError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Random } from '../../ports/random.ts';
import type { Entries } from './entries.ts';

const PATH = 'audit-keys';

/** Made by whoever is first; the others take what they find. */
export async function auditKeysIn(entries: Entries, random: Random): Promise<AuditKeys> {
  const entry = await entries.read(PATH);
  if (entry.state === 'held') return readAuditKeys(new Secret('keys' in entry.data ? String(entry.data.keys) : ''));
  if (entry.state === 'gone') throw auditKeysGone();
  const made = makeAuditKeys(random);
  await entries.kv.protect(PATH, 1);
  const written = await entries.kv.write(PATH, { keys: made.reveal() }, 0);
  entries.advance(PATH, 1);
  return written === null ? auditKeysIn(entries, random) : readAuditKeys(made);
}

function auditKeysGone(): KeyturnError {
  return new KeyturnError(
    'corrupt_material',
    'The keys of the audit log were deleted in Vault by other hands. Undelete their last version there.',
  );
}
