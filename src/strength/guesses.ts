/** Below this a key can be guessed (NIST SP 800-57 allows nothing under 112 bits). */
const MIN_BITS = 112;

/** zxcvbn takes more than linear time, so the text is given to it in pieces whose guesses multiply. */
const PIECE = 32;

/** Nothing beyond this is looked at: 100 characters of words have 112 bits by any estimate. */
const LONGEST = 100;

type Zxcvbn = (text: string) => number;
let loading: Promise<Zxcvbn> | null = null;

/**
 * Whether a text can be guessed from words, names, dates, keyboards and their usual disguises, as zxcvbn estimates. A veto only: it thinks
 * highly of many a published key, so that its approval means nothing. Takes some 20 ms, and the dictionaries are loaded at the first call.
 */
export async function isGuessable(text: string): Promise<boolean> {
  loading ??= load();
  const estimate = await loading;
  let bits = 0;
  for (let start = 0; start < Math.min(text.length, LONGEST) && bits < MIN_BITS; start += PIECE) {
    bits += estimate(text.slice(start, Math.min(start + PIECE, LONGEST)));
  }
  return bits < MIN_BITS;
}

async function load(): Promise<Zxcvbn> {
  const [{ ZxcvbnFactory }, common, english] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
    import('@zxcvbn-ts/language-en'),
  ]);
  const dictionary = { ...common.dictionary, ...english.dictionary };
  // More substitutions multiply the time by twenty and change no verdict that the other checks leave open.
  const zxcvbn = new ZxcvbnFactory({ dictionary, graphs: common.adjacencyGraphs, maxLength: LONGEST, l33tMaxSubstitutions: 1 });
  return (text) => zxcvbn.check(text).guessesLog10 * Math.log2(10);
}
