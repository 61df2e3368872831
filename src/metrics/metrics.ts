import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { SweepOutcome } from '../app/sweep.ts';
import type { JournalFigures } from '../audit/journal.ts';
import { Durations } from './durations.ts';

/** What the gauges ask for when they are scraped. */
export interface Observed {
  readonly overdue: () => number;
  readonly failing: () => number;
  readonly waiting: () => number;
  /** Answered at once since the start, because so many were held. */
  readonly notHeld: () => number;
  /** Open now. */
  readonly connections: () => Promise<number>;
  /** Seconds since the store last answered; null before the first answer. */
  readonly storeSilence: () => number | null;
  readonly ready: () => boolean;
  readonly audit: () => { readonly healthy: boolean; readonly spooled: number } & JournalFigures;
}

/** Metrics for Prometheus, without names of keyrings: those would tell too much and grow without bound. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #durations = new Durations();
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

  readonly #refusedConnections = new Counter({
    name: 'keyturn_connections_refused_total',
    help: 'Connections closed at once, because limits.connections were open.',
    registers: [this.#registry],
  });

  /** Gauges that are read when they are scraped. */
  observe({ overdue, failing, waiting, notHeld, connections, storeSilence, ready, audit }: Observed): void {
    this.#gauge('keyturn_keyrings_overdue', 'Keyrings whose turn came over a minute ago and failed.', overdue);
    this.#gauge('keyturn_keyrings_failing', 'Keyrings that wait for another attempt.', failing);
    this.#gauge('keyturn_requests_waiting', 'Requests held by ?wait=.', waiting);
    this.#gauge('keyturn_requests_not_held', 'Requests answered at once since the start, because limits.heldRequests were held.', notHeld);
    this.#gauge('keyturn_connections', 'Open connections.', connections);
    this.#gauge(
      'keyturn_store_silence_seconds',
      'Seconds since the store last answered; -1 before the first answer.',
      () => storeSilence() ?? -1,
    );
    this.#gauge('keyturn_ready', '1 when the service can serve.', () => (ready() ? 1 : 0));
    this.#gauge('keyturn_audit_healthy', '1 when the last commit of the audit log succeeded.', () => (audit().healthy ? 1 : 0));
    this.#gauge('keyturn_audit_records', 'Records made durable since the start.', () => audit().records);
    this.#gauge('keyturn_audit_commits', 'Commits of the audit log since the start.', () => audit().commits);
    this.#gauge('keyturn_audit_failures', 'Commits of the audit log that failed since the start.', () => audit().failures);
    this.#gauge('keyturn_audit_owed', 'Changes in force whose record is not durable yet.', () => audit().owed);
    this.#gauge('keyturn_audit_spooled', 'Records on the disk of this replica that wait for the shared log.', () => audit().spooled);
    this.#gauge('keyturn_audit_passed_over', 'Answers that left without a record since the start.', () => audit().passedOver);
    collectDefaultMetrics({ register: this.#registry });
  }

  connectionRefused(): void {
    this.#refusedConnections.inc();
  }

  answered(route: string, method: string, status: number, seconds: number): void {
    this.#durations.answered(route, method, status, seconds);
  }

  /** For the one route where a look-up for each answer is too much. */
  answersOf(route: string, method: string, status: number): { add(seconds: number): void } {
    return this.#durations.of(route, method, status);
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

  async text(): Promise<string> {
    return `${await this.#registry.metrics()}\n${this.#durations.text()}`;
  }

  #gauge(name: string, help: string, value: () => number | Promise<number>): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      async collect() {
        this.set(await value());
      },
    });
  }
}
