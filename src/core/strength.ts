/** Bytes of entropy-bearing length below which no key is taken or served (256 bits; RFC 7518 §3.2 asks it of HS256). */
export const MIN_KEY_BYTES = 32;

/** Longer keys help nobody: HMAC hashes them down. */
export const MAX_KEY_LENGTH = 1024;

const MIN_SYMBOLS = 5;
const HEX = /^(?:[0-9a-fA-F]{2})+$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const BASE64URL = /^[A-Za-z0-9_-]+={0,2}$/;
/** Printable ASCII: itsdangerous encodes keys as UTF-8 and Flask-Login as Latin-1, so only here do all consumers agree. */
const PRINTABLE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * How many bytes of a key's text can bear entropy: two hex digits are one byte, four base64 characters three; any other
 * text counts a byte a character. Where several readings fit, the smallest counts.
 */
export function entropyBearingBytes(text: string): number {
  if (HEX.test(text)) return text.length / 2;
  if (BASE64.test(text) || BASE64URL.test(text)) return Math.floor((text.replace(/=+$/, '').length * 3) / 4);
  return text.length;
}

/** Why a key may not be used, in words for its owner, without quoting it. Empty = no fault found, which is no proof of randomness. */
export function keyFaults(text: string): string[] {
  if (text === '') return ['it is empty'];
  const faults: string[] = [];
  if (text.length > MAX_KEY_LENGTH) faults.push(`it is longer than ${MAX_KEY_LENGTH} characters`);
  if (!PRINTABLE.test(text)) faults.push('it has characters outside printable ASCII, or blanks at an end');
  const bytes = entropyBearingBytes(text);
  if (bytes < MIN_KEY_BYTES) faults.push(`it holds at most ${bytes} bytes and ${MIN_KEY_BYTES} are needed`);
  if (new Set(text).size < MIN_SYMBOLS) faults.push(`it uses fewer than ${MIN_SYMBOLS} different characters`);
  if (hasShortPeriod(text)) faults.push('it repeats itself');
  return faults;
}

/** Whether the text is a shorter text repeated: then its first occurrence in itself doubled comes before its end. */
function hasShortPeriod(text: string): boolean {
  return `${text}${text}`.indexOf(text, 1) < text.length;
}
