import { KeyturnError } from '../core/errors.ts';

/** What a list is of, so that a cursor of one list is not taken for one of another. */
export type Listing = 'keyrings' | 'history' | 'instances' | 'tokens' | 'audit';

/** An opaque position in a list. It is not secret and not signed: it names nothing that the list did not show. */
export function encodeCursor(listing: Listing, position: string): string {
  return Buffer.from(`${listing}:${position}`).toString('base64url');
}

/** @throws KeyturnError `invalid_request` where the cursor is not one that this list gave out */
export function decodeCursor<Position>(
  listing: Listing,
  cursor: string | undefined,
  parse: (text: string) => Position | null,
): Position | null {
  if (cursor === undefined) return null;
  const text = Buffer.from(cursor, 'base64url').toString();
  const position =
    text.startsWith(`${listing}:`) && encodeCursor(listing, text.slice(listing.length + 1)) === cursor
      ? parse(text.slice(listing.length + 1))
      : null;
  if (position !== null) return position;
  throw new KeyturnError(
    'invalid_request',
    'This cursor is not one of this list. Pass `next` of the page before it, unchanged, or leave it out.',
  );
}
