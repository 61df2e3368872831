/** How long one glob and how many of them a token may carry. */
export const MAX_GLOB_LENGTH = 64;
export const MAX_GLOBS = 32;

/** `*` any run of characters, `?` one; the rest are the characters of keyring names. */
export const GLOB_PATTERN = '^[a-z0-9._*?-]{1,64}$';
const GLOB = new RegExp(GLOB_PATTERN);

export function isGlob(text: string): boolean {
  return GLOB.test(text);
}

/**
 * Whether a glob matches a whole text. Only the last `*` is ever reconsidered, so the steps are at most text × glob (63 × 64), without
 * recursion and without a regular expression that an attacker could make backtrack.
 */
export function globMatches(glob: string, text: string): boolean {
  return walk(glob, text, (symbol, char) => symbol === '?' || symbol === char);
}

/** Whether every name that `inner` matches is certainly matched by `outer` too. */
export function globCovers(outer: string, inner: string): boolean {
  return walk(outer, inner, (symbol, char) => symbol === char || (symbol === '?' && char !== '*'));
}

function walk(glob: string, text: string, takes: (symbol: string | undefined, char: string | undefined) => boolean): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let i = 0; i < text.length; ) {
    if (glob[at] === '*') {
      star = at++;
      resume = i;
    } else if (at < glob.length && takes(glob[at], text[i])) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++resume;
    } else return false;
  }
  while (glob[at] === '*') at++;
  return at === glob.length;
}
