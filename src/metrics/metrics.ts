import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { SweepOutcome } from '../app/sweep.ts';

/** What the gauges ask for when they are scraped. */
export interface Observed {
  readonly overdue: () => number;
  readonly failing: () => number;
  readonly waiting: () => number;
  /** Seconds since the store last answered; null before the first answer. */
  readonly storeSilence: () => number | null;
  readonly ready: () => boolean;
}

/** Metrics for Prometheus, without names of keyrings: those would tell too much and grow without bound. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Histogram({
    name: 'keyturn_http_request_duration_seconds',
    help: 'Time to answer, by route and status.',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30, 300],
    registers: [this.#registry],
  });
  readonly #sweeps = new Counter({
    name: 'keyturn_sweep_outcomes_total',
    help: 'What became of keyrings that were due.',
    labelNames: ['outcome', 'code'],
    registers: [this.#registry],
  });
  readonly #sweepSeconds = new Histogram({
    name: 'keyturn_sweep_duration_seconds',
    help: 'Time of one sweep over what is due.',
    labelNames: ['result'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120],
    registers: [this.#registry],
  });

  /** Gauges that are read when they are scraped. */
  observe({ overdue, failing, waiting, storeSilence, ready }: Observed): void {
    this.#gauge('keyturn_keyrings_overdue', 'Keyrings whose turn came over a minute ago and failed.', overdue);
    this.#gauge('keyturn_keyrings_failing', 'Keyrings that wait for another attempt.', failing);
    this.#gauge('keyturn_requests_waiting', 'Requests held by ?wait=.', waiting);
    this.#gauge(
      'keyturn_store_silence_seconds',
      'Seconds since the store last answered; -1 before the first answer.',
      () => storeSilence() ?? -1,
    );
    this.#gauge('keyturn_ready', '1 when the service can serve.', () => (ready() ? 1 : 0));
    collectDefaultMetrics({ register: this.#registry });
  }

  answered(route: string, method: string, status: number, seconds: number): void {
    this.#requests.observe({ route, method, status }, seconds);
  }

  swept(outcome: SweepOutcome): void {
    this.#sweeps.inc({ outcome: outcome.outcome, code: outcome.outcome === 'failed' ? outcome.code : '' });
  }

  sweepTook(seconds: number, result: 'ok' | 'failed'): void {
    this.#sweepSeconds.observe({ result }, seconds);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(value());
      },
    });
  }
}
