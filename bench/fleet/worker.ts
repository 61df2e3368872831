import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Child, freePort, ready } from './children.ts';
import { send } from './request.ts';

/** Workers of one site accept each other's cookies. */
export type Site = 'flask' | 'node';

export interface WorkerPlan {
  readonly name: string;
  readonly site: Site;
  readonly kind: 'gunicorn' | 'gunicorn --preload' | 'express' | 'fastify';
  /** Seconds that the service may hold its requests; 0 = it asks at intervals. */
  readonly wait: number;
  /** It asks over a slow line. */
  readonly isLate: boolean;
}

const APP = new URL('.', import.meta.url).pathname;

/** One application server on a port of its own. */
export class Worker {
  readonly plan: WorkerPlan;
  readonly port: number;
  readonly #python: string;
  readonly #folder: string;
  #child: Child | null = null;

  private constructor(plan: WorkerPlan, port: number, python: string, folder: string) {
    this.plan = plan;
    this.port = port;
    this.#python = python;
    this.#folder = folder;
  }

  static async plan(plan: WorkerPlan, python: string, folder: string): Promise<Worker> {
    return new Worker(plan, await freePort(), python, folder);
  }

  async start(env: Readonly<Record<string, string>>): Promise<void> {
    const { name } = this.plan;
    const own = { ...env, FLEET_NAME: name, FLEET_WAIT: String(this.plan.wait), PORT: String(this.port) };
    const child = new Child(this.#command(), { ...own, ...this.#pythonPath() }, join(this.#folder, `${name}.log`));
    this.#child = child;
    await ready(child, name, async () => (await send(this.port, 'GET', '/visit?mark=none', new Map())).status === 200);
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#child?.end(signal);
  }

  /** Whether it answers with status 503: it may not use its keys any more. */
  async hasStopped(): Promise<boolean> {
    return (await send(this.port, 'GET', '/visit?mark=none', new Map())).status === 503;
  }

  /** Kills the process that serves; gunicorn's master makes another at once. */
  async killServing(): Promise<void> {
    const pid = await this.#servingPid();
    if (pid !== null) process.kill(pid, 'SIGKILL');
  }

  /** Stops the process that serves for so many milliseconds, as a starved machine would. */
  async freezeServing(time: number): Promise<void> {
    const pid = await this.#servingPid();
    if (pid === null) return;
    process.kill(pid, 'SIGSTOP');
    await pause(time);
    process.kill(pid, 'SIGCONT');
  }

  /** It says so itself: a worker's name is followed by its process id. */
  async #servingPid(): Promise<number | null> {
    const { worker } = await send(this.port, 'GET', '/visit?mark=none', new Map());
    const pid = Number(/\((\d+)\)$/.exec(worker)?.[1] ?? Number.NaN);
    return Number.isInteger(pid) ? pid : null;
  }

  #command(): string[] {
    const { kind } = this.plan;
    if (kind === 'express' || kind === 'fastify') return [process.execPath, join(APP, `${kind}_app.js`)];
    const gunicorn = ['-m', 'gunicorn', '-k', 'gthread', '--threads', '4', '-w', '1', '-t', '120', '--no-control-socket'];
    const preload = kind === 'gunicorn --preload' ? ['--preload'] : [];
    return [this.#python, ...gunicorn, ...preload, '-b', `127.0.0.1:${this.port}`, 'flask_app:app'];
  }

  #pythonPath(): Record<string, string> {
    return { PYTHONPATH: `${APP}:${join(APP, '../../clients/python/src')}`, PYTHONDONTWRITEBYTECODE: '1' };
  }
}
