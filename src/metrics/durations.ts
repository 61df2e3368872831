const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30, 300];
const NAME = 'keyturn_http_request_duration_seconds';

/** Answers of one route, method and status. */
class Series {
  readonly labels: string;
  readonly #counts = new Float64Array(BOUNDS.length + 1);
  #sum = 0;

  constructor(labels: string) {
    this.labels = labels;
  }

  add(seconds: number): void {
    let bucket = 0;
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] ?? 0)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += seconds;
  }

  lines(): string {
    let total = 0;
    const buckets = [...this.#counts].map((count, index) => {
      total += count;
      return `${NAME}_bucket{le="${BOUNDS[index] ?? '+Inf'}",${this.labels}} ${total}\n`;
    });
    return `${buckets.join('')}${NAME}_sum{${this.labels}} ${this.#sum}\n${NAME}_count{${this.labels}} ${total}\n`;
  }
}

/**
 * The histogram of answers. Our own, because prom-client builds and hashes an object of labels for each observation, which on the read path costs
 * more than the observation is worth. Labels are route patterns, methods and numbers: nothing of a request's text.
 */
export class Durations {
  readonly #series = new Map<string, Map<number, Series>>();

  answered(route: string, method: string, status: number, seconds: number): void {
    this.of(route, method, status).add(seconds);
  }

  /** Keep it and add to it: the way without a look-up. */
  of(route: string, method: string, status: number): Pick<Series, 'add'> {
    const name = `route="${route}",method="${method}"`;
    const statuses = this.#series.get(name) ?? new Map<number, Series>();
    const series = statuses.get(status) ?? new Series(`${name},status="${status}"`);
    this.#series.set(name, statuses.set(status, series));
    return series;
  }

  /** In Prometheus' text format. */
  text(): string {
    const series = [...this.#series.values()].flatMap((statuses) => [...statuses.values()]);
    return `# HELP ${NAME} Time to answer, by route and status.\n# TYPE ${NAME} histogram\n${series.map((one) => one.lines()).join('')}`;
  }
}
