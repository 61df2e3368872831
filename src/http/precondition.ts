import { KeyturnError } from '../core/errors.ts';
import type { Revision } from '../ports/store.ts';

const ENTITY_TAG = /^(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/;
/** A list of entity tags, which may have commas in them, with empty places between, as RFC 9110 §5.6.1 lets senders. */
const ENTITY_TAGS = /^[ \t,]*(?:W\/)?"[^"\s]*"(?:[ \t]*,[ \t]*(?:(?:W\/)?"[^"\s]*")?)*$/;
const MAX_LENGTH = 1_000;

/** The entity tag of a keyring's document. */
export function tagOf(revision: Revision): string {
  return `"${revision}"`;
}

/**
 * The tags of an If-None-Match header, quotes included and weak ones as strong ones; a tag that is not ours simply matches nothing. `*` does too: an
 * answer without keys is right only for who holds those keys.
 * @throws KeyturnError `invalid_request` where the header is not a list of entity tags
 */
export function parseIfNoneMatch(header: string | undefined): readonly string[] {
  if (header === undefined || header === '*') return [];
  if (header.length > MAX_LENGTH || !ENTITY_TAGS.test(header)) throw invalid('If-None-Match');
  return header.match(/"[^"]*"/g) ?? [];
}

/**
 * The revision that a change is meant for.
 * @throws KeyturnError `precondition_required`, `invalid_request`
 */
export function parseIfMatch(header: string | undefined): Revision {
  if (header === undefined) {
    throw new KeyturnError(
      'precondition_required',
      'Send the ETag of the keyring that you have read in If-Match, so that no other change is overwritten.',
    );
  }
  if (header.length > MAX_LENGTH || header.startsWith('W/')) throw invalid('If-Match');
  const text = ENTITY_TAG.exec(header.trim())?.[1];
  if (text === undefined) throw invalid('If-Match');
  return text as Revision;
}

function invalid(header: string): KeyturnError {
  return new KeyturnError('invalid_request', `${header} must hold an ETag as this service sent it, in double quotes.`);
}
