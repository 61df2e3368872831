/** Random keys of 32 bytes have more, whatever their encoding: 16 in hex, some 30 in base64. */
const MIN_SYMBOLS = 8;

/** Below this the frequencies of its characters alone show that a text was not drawn at random (NIST SP 800-57: 112 bits and up). */
const MIN_FREQUENCY_BITS = 112;

/** Shorter runs such as `abc` happen by chance. */
const MIN_RUN = 4;

const KEYBOARD_ROWS = ['1234567890', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm', 'qwertzuiop', 'azertyuiop', 'qazwsxedcrfvtgbyhnujmikolp'];

/** Words of one case with a blank, hyphen, dot or underscore between them: at least four, as random text hardly ever shows. */
const PHRASE = /^(?:[A-Z]?[a-z']+|[A-Z]+)(?:[ _.,-]+(?:[A-Z]?[a-z']+|[A-Z]+)){3,}[!?.]*$/;

/** Faults in how a text is built, in words that do not quote it. Takes time linear in its length. */
export function structureFaults(text: string): string[] {
  const faults: string[] = [];
  const symbols = new Set(text).size;
  if (symbols < MIN_SYMBOLS) faults.push(`it uses fewer than ${MIN_SYMBOLS} different characters`);
  else if (frequencyBits(text) < MIN_FREQUENCY_BITS) faults.push('its characters are too few or too alike to have been drawn at random');
  if (shortestPeriod(text) * 2 <= text.length) faults.push('it repeats itself');
  if (charactersInRuns(text) * 2 > text.length) faults.push('it is made of sequences, such as those of the alphabet or of a keyboard');
  if (PHRASE.test(text)) faults.push('it is a phrase of words');
  return faults;
}

/** The length of the shortest text of which this one is a repetition, the last time perhaps cut short (Knuth, Morris, Pratt). */
export function shortestPeriod(text: string): number {
  const borders = [0];
  for (let index = 1; index < text.length; index++) {
    let border = borders[index - 1] ?? 0;
    while (border > 0 && text[index] !== text[border]) border = borders[border - 1] ?? 0;
    borders.push(text[index] === text[border] ? border + 1 : 0);
  }
  return text.length - (borders.at(-1) ?? 0);
}

/** How many characters belong to runs that go up or down by one, stand still, or follow a row of a keyboard. */
export function charactersInRuns(text: string): number {
  const lower = text.toLowerCase();
  let covered = 0;
  for (let start = 0; start < lower.length; ) {
    const length = runFrom(lower, start);
    if (length >= MIN_RUN) covered += length;
    start += Math.max(1, length >= MIN_RUN ? length : 1);
  }
  return covered;
}

function runFrom(text: string, start: number): number {
  return Math.max(steadyRun(text, start, 1), steadyRun(text, start, -1), steadyRun(text, start, 0), keyboardRun(text, start));
}

function steadyRun(text: string, start: number, step: number): number {
  let end = start + 1;
  while (end < text.length && text.charCodeAt(end) - text.charCodeAt(end - 1) === step) end++;
  return end - start;
}

const ROWS = KEYBOARD_ROWS.flatMap((row) => [row, [...row].reverse().join('')]);

function keyboardRun(text: string, start: number): number {
  let longest = 0;
  for (const row of ROWS) {
    const from = row.indexOf(text[start] ?? '');
    if (from < 0) continue;
    let length = 1;
    while (from + length < row.length && row[from + length] === text[start + length]) length++;
    longest = Math.max(longest, length);
  }
  return longest;
}

/** Shannon's entropy of the text's own character frequencies, over its whole length. */
function frequencyBits(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits += count * Math.log2(text.length / count);
  return bits;
}

/** References that nothing has filled in, and what empty variables turn into. */
const UNFILLED = /^(?:\$\{.*\}|\$\(.*\)|\{\{.*\}\}|\{%.*%\}|<.*>|\[.*\]|%[^%]+%|\$[A-Za-z_][A-Za-z0-9_]*|__.*__)$/;
const NOTHING = /^(?:none|null|nil|undefined|false|true|nan|todo|tbd|fixme|n\/a|xxx+|\.\.\.+|\*+|-+|_+|0+)$/i;

/** Written together, without the marks that people put between the words. */
const PLACEHOLDERS = [
  ...['changeme', 'changethis', 'changeit', 'pleasechange', 'replaceme', 'replacethis', 'setme', 'fillmein', 'putyour', 'insertyour'],
  ...['enteryour', 'useyourown', 'generateyourown', 'yourownsecure', 'toacomplexrandom', 'yoursecret', 'yourkey', 'yourjwt', 'yoursuper'],
  ...['mysecret', 'mysupersecret', 'supersecret', 'topsecret', 'verysecret', 'notsosecret', 'notasecret', 'notsecret', 'secretkeyhere'],
  ...['secretkey', 'secretstring', 'sessionsecret', 'cookiesecret', 'jwtsecret', 'appsecret', 'devsecret', 'testsecret', 'randomstring'],
  ...['placeholder', 'exampleonly', 'foranexample', 'insecure', 'unsafe', 'notforproduction', 'developmentonly', 'devonly', 'fortesting'],
  ...['willneverguess', 'cannotguess', 'hardtoguess', 'impossibletoguess', 'keyboardcat', 'somethingsecret', 'somesecret', 'password'],
  ...['shhhh', 'donttell', '256bitsecret', '32bytekey', 'minimum32', 'atleast32'],
];
const PLACEHOLDER = new RegExp(PLACEHOLDERS.join('|'), 'g');

/** Characters besides the words of a placeholder with which a text may still be a key, such as `my-secret-` before 64 hex digits. */
const ENOUGH_BESIDE = 43;

/** Whether the text was only ever meant to be replaced. */
export function placeholderFault(text: string): string | null {
  if (/^django-insecure-/.test(text)) return 'it begins with django-insecure-: Django made it for development only';
  if (NOTHING.test(text) || UNFILLED.test(text)) return 'it is a placeholder or a reference that nothing filled in';
  const together = text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const beside = together.replace(PLACEHOLDER, '');
  return beside === together || beside.length >= ENOUGH_BESIDE ? null : 'it is a placeholder that was meant to be replaced';
}
