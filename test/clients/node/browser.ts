import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Teardown } from './keys-service.ts';

/** Someone who visits an application and keeps its cookies. */
export class Browser {
  readonly #url: string;
  readonly #cookies = new Map<string, string>();
  /** Of the last answer. */
  status = 0;
  setCookies: readonly string[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  /** Serves the application on 127.0.0.1 and a free port until the test ends. */
  static async of(t: Teardown, app: RequestListener): Promise<Browser> {
    const server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => stop(server));
    return new Browser(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  /** Someone else. */
  fresh(): Browser {
    return new Browser(this.#url);
  }

  /** Someone with this cookie instead. */
  with(name: string, value: string): this {
    this.#cookies.set(name, value);
    return this;
  }

  cookie(name: string): string {
    return this.#cookies.get(name) ?? '';
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<string> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(`${this.#url}${path}`, { headers: { ...headers, ...(cookie !== '' && { cookie }) }, redirect: 'manual' });
    this.status = answer.status;
    this.setCookies = answer.headers.getSetCookie();
    for (const set of this.setCookies) this.#keep(set);
    return answer.text();
  }

  #keep(setCookie: string): void {
    const pair = setCookie.split(';')[0] ?? '';
    const equals = pair.indexOf('=');
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)];
    if (value === '' || /expires=Thu, 01 Jan 1970|max-age=0/i.test(setCookie)) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
