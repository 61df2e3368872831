import { resolve } from 'node:path';
import { ADMIN_TOKEN_FILE } from '../access/admin-token-file.ts';
import { DEFAULT_URL } from '../config/client.ts';
import type { FirstToken } from './service.ts';

/**
 * What a person sees at the start: where the service is and, the first time, the admin token and the next commands to type.
 * @param cwd where the commands will be typed
 */
export function welcome(url: string, first: FirstToken | null, cwd: string): string {
  if (first === null) return `\nKeyturn serves ${url}. The API is described at ${url}/docs.\n\n`;
  const commands = [...settingsToType(url, first.path, cwd), 'npx keyturn create web', 'npx keyturn rotate web --reason "first try"'];
  return `
Keyturn serves ${url}. The API is described at ${url}/docs.

This is the first start. Its admin token, shown only now:

  ${first.text.reveal()}

It is also in ${first.path}. Replace it by narrower tokens soon (npx keyturn token --help).
In another terminal, make a keyring and rotate it:

${commands.map((command) => `  ${command}\n`).join('')}
`;
}

/** What the command line would not find by itself: it reads neither the config file nor the variables of this terminal. */
function settingsToType(url: string, tokenPath: string, cwd: string): string[] {
  const settings = [
    ...(url === DEFAULT_URL ? [] : [`KEYTURN_URL=${url}`]),
    ...(tokenPath === resolve(cwd, 'data', ADMIN_TOKEN_FILE) ? [] : [`KEYTURN_TOKEN_FILE=${quoted(tokenPath)}`]),
  ];
  return settings.length === 0 ? [] : [`export ${settings.join(' ')}`];
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
