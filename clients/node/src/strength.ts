/** Bytes of entropy-bearing length below which no key signs (256 bits; RFC 7518 §3.2 asks it of HS256). */
const MIN_KEY_BYTES = 32;
const MIN_KEY_LENGTH = 32;
/** Shorter keys do not even verify: trying them all takes no time. */
const MIN_VERIFYING_LENGTH = 8;
const MAX_KEY_LENGTH = 1_024;

const HEX = /^(?:[0-9a-fA-F]{2})+$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const BASE64URL = /^[A-Za-z0-9_-]+={0,2}$/;
/** Printable ASCII: only there do all libraries agree on the bytes of a text. */
const PRINTABLE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** How many bytes of a key's text can bear entropy; where several readings fit, the smallest counts. The service is no less strict. */
export function entropyBearingBytes(text: string): number {
  if (HEX.test(text)) return text.length / 2;
  if (BASE64.test(text) || BASE64URL.test(text)) return Math.floor((text.replace(/=+$/, '').length * 3) / 4);
  return text.length;
}

/** Whether the text may sign. */
export function isStrongKey(text: string): boolean {
  return isKeyText(text) && text.length >= MIN_KEY_LENGTH && entropyBearingBytes(text) >= MIN_KEY_BYTES;
}

/** Whether the text may verify at all. */
export function isKeyText(text: string): boolean {
  return text.length >= MIN_VERIFYING_LENGTH && text.length <= MAX_KEY_LENGTH && PRINTABLE.test(text);
}
