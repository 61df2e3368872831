/** The first cookie of a name in a Cookie header, decoded; null where there is none. */
export function cookieOf(header: string | undefined, name: string): string | null {
  for (const part of header?.split(';') ?? []) {
    const equals = part.indexOf('=');
    if (equals > 0 && part.slice(0, equals).trim() === name) return decoded(part.slice(equals + 1).trim());
  }
  return null;
}

/** Whether a Set-Cookie header of an answer sets a cookie of this name. */
export function isSet(header: number | string | readonly string[] | undefined, name: string): boolean {
  const cookies = typeof header === 'string' ? [header] : Array.isArray(header) ? header : [];
  return cookies.some((cookie) => String(cookie).startsWith(`${name}=`));
}

function decoded(value: string): string {
  const bare = value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  try {
    return decodeURIComponent(bare);
  } catch {
    return bare;
  }
}
