import { request } from 'node:http';

export type Cookies = Map<string, string>;

/** What a worker answered. */
export interface Reply {
  readonly status: number;
  readonly body: { readonly user?: string | null; readonly mark?: string | null; readonly token?: string; readonly refused?: string };
  readonly cookies: readonly string[];
  /** Name and process id. */
  readonly worker: string;
  /** Version that signed what this answer set; null = the worker has no keys. */
  readonly signs: number | null;
  readonly accepts: string;
}

const PATIENCE = 30_000;

/** One request on a connection of its own. Rejects where nobody answers. */
export function send(port: number, method: 'GET' | 'POST', path: string, cookies: Cookies, form?: Record<string, string>): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const body = form === undefined ? '' : new URLSearchParams(form).toString();
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const headers = {
      ...(cookie !== '' && { cookie }),
      ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length }),
    };
    const asked = request({ host: '127.0.0.1', port, method, path, headers, agent: false, timeout: PATIENCE }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      answer.once('error', reject).once('end', () => {
        const told = (name: string): string => String(answer.headers[name] ?? '');
        const signs = told('fleet-signs') === '' ? null : Number(told('fleet-signs'));
        const { statusCode: status = 0, headers } = answer;
        const cookies = headers['set-cookie'] ?? [];
        resolve({ status, body: parsed(text), cookies, worker: told('fleet-worker'), signs, accepts: told('fleet-accepts') });
      });
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', reject).end(body);
  });
}

function parsed(text: string): Reply['body'] {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** As a browser takes cookies: the end of one is an age of nothing, or a day in the past. */
export function keep(cookies: Cookies, set: readonly string[]): string[] {
  return set.flatMap((line) => {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (value === '' || /max-age=0\b|expires=thu, 01 jan 1970/i.test(line)) {
      cookies.delete(name);
      return [];
    }
    cookies.set(name, value);
    return [name];
  });
}
