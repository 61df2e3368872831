import type { Balancer } from './balancer.ts';
import { type Cookies, keep, type Reply } from './request.ts';
import type { Tally } from './tally.ts';
import type { Site } from './worker.ts';

/** From one thing that a browser does to its next, in milliseconds: at least, at most. */
export type Pace = readonly [number, number];

export interface World {
  readonly balancer: Balancer;
  readonly tally: Tally;
  /** Of sessions, forms and remembered logins, in milliseconds. */
  readonly lifetime: number;
  readonly random: () => number;
}

/** Something that a worker signed. */
interface Held {
  readonly since: number;
  readonly by: number | null;
  readonly worker: string;
}

const SESSION_COOKIE: Readonly<Record<Site, string>> = { flask: 'session', node: 'shop' };
const REMEMBER_COOKIE = 'remember_token';

/** What is so close to the end of its lifetime may reach a worker after it; it is not shown any more. */
const MARGIN = 3_000;

/** One person: logs in, looks around, opens a form and sends it off later, closes the browser and comes back remembered. */
export class Browser {
  readonly name: string;
  readonly site: Site;
  readonly pace: Pace;
  readonly #world: World;
  readonly #cookies: Cookies = new Map();
  #mark = '';
  #marks = 0;
  #session: Held | null = null;
  #remembered: Held | null = null;
  #form: (Held & { readonly token: string }) | null = null;

  constructor(name: string, site: Site, pace: Pace, world: World) {
    this.name = name;
    this.site = site;
    this.pace = pace;
    this.#world = world;
  }

  /** Cookies as they are now, and whether their session is far from its end. */
  get held(): { readonly cookies: Cookies; readonly isFresh: boolean } {
    return { cookies: new Map(this.#cookies), isFresh: this.#isFresh(this.#session) };
  }

  async step(): Promise<void> {
    const chance = this.#world.random();
    if (this.#form !== null && !this.#isFresh(this.#form)) this.#form = null;
    if (this.#session === null && this.#isFresh(this.#remembered)) return this.#comeBack();
    if (!this.#isFresh(this.#session)) return this.#logIn();
    if (this.#form !== null && chance < 0.6) return this.#submit(this.#form);
    if (this.#form === null && chance < 0.5) return this.#open();
    if (this.#form === null && chance < 0.7 && this.#isFresh(this.#remembered)) return this.#comeBack();
    return this.#visit();
  }

  async #logIn(): Promise<void> {
    this.#forget();
    const form = await this.#ask('GET', '/form');
    const { token } = form?.reply.body ?? {};
    if (form === null || token === undefined) return;
    const mark = this.#newMark();
    const { sent, reply } = (await this.#ask('POST', '/login', { csrf_token: token, user: this.name, mark })) ?? {};
    if (reply === undefined || sent === undefined) return this.#forget();
    const shown = heldBy(form.reply, form.sent);
    if (reply.status !== 200) return this.#refuseForm(shown, reply);
    this.#world.tally.forms.accept({ by: shown.by, verifierSigns: reply.signs });
    this.#mark = mark;
  }

  async #visit(): Promise<void> {
    const shown = this.#session;
    const asked = await this.#ask('GET', '/visit?mark=none');
    if (asked !== null) this.#judgeSession(shown, asked);
  }

  async #open(): Promise<void> {
    const shown = this.#session;
    const asked = await this.#ask('GET', '/form');
    if (asked === null || !this.#judgeSession(shown, asked)) return;
    const { token } = asked.reply.body;
    if (token !== undefined) this.#form = { ...heldBy(asked.reply, asked.sent), token };
  }

  async #submit(form: Held & { readonly token: string }): Promise<void> {
    const shown = this.#session;
    const asked = await this.#ask('POST', '/order', { csrf_token: form.token });
    if (asked === null) return;
    this.#form = null;
    if (this.#isOver(form) || this.#isOver(shown)) return this.#tooOld();
    if (asked.reply.status === 400) return this.#refuseForm(form, asked.reply);
    this.#world.tally.forms.accept({ by: form.by, verifierSigns: asked.reply.signs });
    this.#judgeSession(shown, asked);
  }

  /** The session ends with the browser; the remember cookie begins a new one. */
  async #comeBack(): Promise<void> {
    const shown = this.#remembered;
    this.#cookies.delete(SESSION_COOKIE[this.site]);
    this.#session = this.#form = null;
    const mark = this.#newMark();
    const asked = await this.#ask('GET', `/visit?mark=${mark}`);
    if (asked === null || shown === null) return;
    if (this.#isOver(shown)) return this.#tooOld();
    if (asked.reply.body.user === this.name) {
      this.#mark = mark;
      return this.#world.tally.logins.accept({ by: shown.by, verifierSigns: asked.reply.signs });
    }
    this.#world.tally.logins.reject(`${this.name} came back and was not known. ${explained(shown, asked.reply)}`);
    this.#forget();
  }

  /** Null where no worker answered with keys. */
  async #ask(method: 'GET' | 'POST', path: string, form?: Record<string, string>): Promise<Asked | null> {
    const { balancer, tally } = this.#world;
    const sent = Date.now();
    const reply = await balancer.send(this.site, method, path, this.#cookies, form);
    if (reply.status === 503) {
      tally.leaseEnded();
      return null;
    }
    if (reply.status !== 200 && reply.status !== 400) {
      tally.faults.reject(`${reply.worker} answered ${method} ${path} with ${reply.status}`);
      return null;
    }
    const set = keep(this.#cookies, reply.cookies);
    if (set.includes(SESSION_COOKIE[this.site])) this.#session = heldBy(reply, sent);
    if (set.includes(REMEMBER_COOKIE)) this.#remembered = heldBy(reply, sent);
    return { reply, sent };
  }

  #judgeSession(shown: Held | null, { reply, sent }: Asked): boolean {
    const { sessions } = this.#world.tally;
    if (shown === null || this.#isOver(shown)) {
      this.#tooOld();
      return false;
    }
    if (reply.body.user === this.name && reply.body.mark === this.#mark) {
      sessions.accept({ by: shown.by, verifierSigns: reply.signs });
      // The worker has seen it, and would have signed it anew had its key been replaced.
      if (this.#remembered !== null) this.#remembered = { ...this.#remembered, since: Math.max(sent, this.#remembered.since) };
      return true;
    }
    sessions.reject(`${this.name} was not known. ${explained(shown, reply)}`);
    this.#forget();
    return false;
  }

  #refuseForm(form: Held, reply: Reply): void {
    this.#world.tally.forms.reject(`${this.name}: ${reply.body.refused ?? 'refused'} ${explained(form, reply)}`);
    this.#forget();
  }

  #tooOld(): void {
    this.#world.tally.tooOld++;
    this.#forget();
  }

  #forget(): void {
    this.#cookies.clear();
    this.#session = this.#remembered = this.#form = null;
  }

  #newMark(): string {
    return `${this.name}-${++this.#marks}`;
  }

  #isFresh(held: Held | null): boolean {
    return held !== null && Date.now() - held.since < this.#world.lifetime - MARGIN;
  }

  #isOver(held: Held | null): boolean {
    return held === null || Date.now() - held.since >= this.#world.lifetime;
  }
}

interface Asked {
  readonly reply: Reply;
  /** It was signed at this time or later. */
  readonly sent: number;
}

function heldBy({ signs, worker }: Reply, since: number): Held {
  return { since, by: signs, worker };
}

function explained({ by, worker, since }: Held, reply: Reply): string {
  const seconds = ((Date.now() - since) / 1_000).toFixed(1);
  const accepts = reply.accepts === '' ? '' : `, accepts ${reply.accepts}`;
  return `Signed by version ${by ?? '?'} at ${worker} ${seconds} s ago, refused by ${reply.worker}, which signs with ${reply.signs ?? 'none'}${accepts}.`;
}
