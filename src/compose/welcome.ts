import type { FirstToken } from './service.ts';

/** What a person sees at the start: where the service is and, the first time, the admin token and the next command to type. */
export function welcome(url: string, first: FirstToken | null): string {
  if (first === null) return `\nKeyturn serves ${url}. The API is described at ${url}/docs.\n\n`;
  return `
Keyturn serves ${url}. The API is described at ${url}/docs.

This is the first start. Its admin token, shown only now:

  ${first.text.reveal()}

It is also in ${first.path}, where the command line finds it. Replace it by narrower tokens soon (npx keyturn token --help).
In another terminal, make a keyring and rotate it:

  npx keyturn create web
  npx keyturn rotate web --reason "first try"

`;
}
