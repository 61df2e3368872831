const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|([\s\S]))/g;
const NAMED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b', f: '\f', v: '\v', '\n': '' };
const LITERAL = /^([rRbBuUfF]{0,2})('''|"""|'|")([\s\S]*)\2$/;

/** The one form under which texts are compared that differ in blanks around them and in case only. */
export function canonical(text: string): string {
  return text.trim().toLowerCase();
}

/** The text with the escapes of Python, JavaScript and C resolved. */
export function unescaped(text: string): string {
  return text.replace(ESCAPE, (whole, x?: string, u?: string, long?: string, octal?: string, other?: string) => {
    const hex = x ?? u ?? long;
    if (hex !== undefined) return characterOf(Number.parseInt(hex, 16), whole);
    if (octal !== undefined) return characterOf(Number.parseInt(octal, 8), whole);
    return other === undefined ? whole : (NAMED[other] ?? other);
  });
}

/** What a quoted literal of Python stands for; null where the text is none. */
export function literalOf(text: string): string | null {
  const [, prefix = '', , body] = LITERAL.exec(text.trim()) ?? [];
  if (body === undefined) return null;
  return /r/i.test(prefix) ? body : unescaped(body);
}

/** Every form of a key under which it may stand in a list, each once. */
export function formsOf(text: string): string[] {
  const bare = literalOf(text);
  const forms = [text, unescaped(text), ...(bare === null ? [] : [bare])].map(canonical);
  return [...new Set(forms)].filter((form) => form !== '');
}

function characterOf(code: number, whole: string): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
}
