import type { ErrorCode } from '../core/errors.ts';

/** What a code means and what to do about it, for the documentation. The `detail` of a real problem says it with names and times. */
export interface Advice {
  readonly when: string;
  readonly next: string;
}

export const ADVICE: Readonly<Record<ErrorCode, Advice>> = {
  invalid_request: {
    when: 'The request does not fit the API: a field is missing, unknown, of the wrong type or out of its bounds.',
    next: 'Correct what `faults` names; the values that were sent are never repeated.',
  },
  invalid_policy: {
    when: 'The policy contradicts itself, or its schedule never fires or is faster than a new key can propagate.',
    next: 'Each entry of `faults` names the broken inequality with its numbers: rotate less often, or grant shorter leases.',
  },
  weak_key: {
    when: 'The key to import is too short, repeats itself, or has characters that not every consumer reads alike.',
    next: 'Leave the key out and Keyturn generates one.',
  },
  body_too_large: { when: 'The body is larger than `limits.bodyBytes`.', next: 'Send less: no request of the API needs so much.' },
  unsupported_media_type: { when: 'The body is not declared as JSON.', next: 'Send `Content-Type: application/json`.' },
  headers_too_large: { when: 'Path and headers together are larger than 16 KiB.', next: 'Send fewer or shorter ones.' },
  request_timeout: { when: 'The request did not arrive whole within 30 seconds.', next: 'Send it again, in one go.' },
  unauthenticated: {
    when: 'There is no token, or it is mistyped, unknown, expired or revoked. The answer is the same for all of them; the log says which.',
    next: 'Send `Authorization: Bearer <token>`. An admin issues new ones.',
  },
  forbidden: {
    when: "The token lacks the role, or does not cover the keyring's name, whether or not such a keyring exists.",
    next: 'Ask an admin for a token with the role and the names you need.',
  },
  rate_limited: {
    when: 'Too many requests of this address failed within a minute, or this token asked for too many keyrings that do not exist. Requests that succeed are never limited.',
    next: 'Check the token, the path and the names, then wait as Retry-After says.',
  },
  route_not_found: {
    when: 'There is nothing at this path for this method.',
    next: 'See `/openapi.json` for what there is.',
  },
  keyring_not_found: { when: 'There is no keyring of this name.', next: 'Create it with `POST /v1/keyrings` or `keyturn create`.' },
  version_not_found: { when: 'The keyring never had this version.', next: 'Read its history: it lists the versions.' },
  token_not_found: { when: 'There is no token of this id.', next: 'List the tokens: `GET /v1/tokens`.' },
  keyring_exists: {
    when: 'A keyring of this name exists, perhaps deleted and still to be restored.',
    next: 'Use it, restore it, or take another name.',
  },
  keyring_deleted: {
    when: 'The keyring was deleted: its keys are served no more.',
    next: 'Restore it with `POST …/restore` while its recovery window lasts. After that only its history remains.',
  },
  keyring_not_deleted: { when: 'There is no deletion to take back.', next: 'Nothing: the keyring is in service.' },
  rotation_under_way: {
    when: 'A next version is published and waits for its activation; the detail says until when.',
    next: 'Wait for it, or ask for an immediate rotation, which activates it now.',
  },
  version_ended: { when: 'The version is retired already: nobody is served it.', next: 'Nothing: there is nothing left to cut.' },
  too_many_keys: {
    when: 'So many keys still verify that another would make every verification slow.',
    next: 'Wait for the first to retire, revoke old versions, or rotate in an emergency.',
  },
  token_protected: {
    when: 'It is the last usable admin token, or one that the configuration declares.',
    next: 'Issue and check another admin token first; take a declared one out of the configuration.',
  },
  precondition_required: { when: 'A change of policy came without If-Match.', next: 'Send the ETag of the keyring as you read it.' },
  precondition_failed: {
    when: 'The keyring has changed since it was read.',
    next: 'Read it again, decide again, and send its new ETag.',
  },
  idempotency_mismatch: {
    when: 'The same Idempotency-Key came with another request before.',
    next: 'Use a new key for a new request.',
  },
  conflict: { when: 'Many changed the keyring at the same time. Nothing was changed.', next: 'Try again.' },
  nothing_to_export: {
    when: 'The log holds nothing that ended before the given instant.',
    next: 'Nothing, or name a later instant: records leave the log by whole commits, the oldest first.',
  },
  export_mismatch: {
    when: 'The export that was shown is not the beginning of the log as it is now, or was not made by this service. Nothing was deleted.',
    next: 'Verify the file with `keyturn audit verify --file FILE`; if the log was shortened since, it is dropped already. Otherwise export again.',
  },
  verification_under_way: {
    when: 'This replica is verifying the audit log for somebody else: it does so once at a time.',
    next: 'Try again as Retry-After says.',
  },
  store_unavailable: {
    when: 'The store does not answer. Keys are still served from memory while their lease lasts.',
    next: 'Try again as Retry-After says; bring the store back.',
  },
  store_full: { when: 'The store has no room for the change. Nothing was changed.', next: 'Make room, then try again.' },
  store_read_only: { when: 'The store can be read but not written.', next: 'Make it writable: permissions, mount, credentials.' },
  audit_unavailable: {
    when: 'The audit log cannot be written, so nothing was done or shown that it could not record. Where the detail says that the change IS in force, it is: only its record is late.',
    next: 'Look at the disk of the data folder and, where the log is in a database, at that. Keyturn tries again with each request; readiness and metrics tell when the log is back.',
  },
  store_locked: { when: 'Another process owns the embedded store.', next: 'Stop the other one; one process owns a data folder.' },
  lease_exhausted: {
    when: 'The store has been silent for a whole lease, so the keys at hand may no longer be used.',
    next: 'Bring the store back; the service recovers by itself.',
  },
  clock_behind: {
    when: "The machine's clock is before the keyring's last change by more than the policy's skew. Nothing was changed.",
    next: 'Set the clock right.',
  },
  material_missing: {
    when: 'The store has the keyring but not the key of a version that must be served.',
    next: 'Rotate immediately, or restore a backup.',
  },
  material_exists: {
    when: 'Other bytes are stored where a new key should go. Nothing was changed.',
    next: 'Try again; if it stays, look at the log.',
  },
  corrupt_document: { when: "A keyring's document cannot be read or is not sound.", next: 'Restore a backup; other keyrings are served.' },
  corrupt_material: { when: 'Stored key material cannot be opened.', next: 'Restore a backup, or rotate in an emergency.' },
  wrong_master_key: { when: 'The master key is not the one that sealed the store.', next: 'Give the service the right master key.' },
  corrupt_backup: {
    when: 'A backup is not whole, or was made for another recovery key.',
    next: 'Take another copy, and the recovery key that belongs to it.',
  },
  backup_not_configured: {
    when: 'A backup was asked for and nobody is configured who could open it, or the store is backed up by its own means.',
    next: 'Run keyturn backup key and put its recipient into backup.recipient; or see docs/stores.md.',
  },
  invalid_config: { when: 'The configuration is not valid.', next: 'Correct what the log names, then start again.' },
  shutting_down: { when: 'The service is stopping.', next: 'Try again: another replica, or this one once it is back, answers.' },
  internal: { when: 'Something went wrong that should not.', next: 'Look in the log under the request id, and report it.' },
};
