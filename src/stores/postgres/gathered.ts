interface Call<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer | PromiseLike<Answer>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers the calls of one turn of the event loop into few questions to the server: a caller with thousands of them (a start, copies after an outage)
 * neither waits for as many round trips nor makes the server answer as many statements. A call alone is asked as quickly as ever.
 */
export class Gathered<Item, Answer> {
  readonly #most: number;
  readonly #ask: (items: readonly Item[]) => Promise<readonly (Answer | PromiseLike<Answer>)[]>;
  #calls: Call<Item, Answer>[] = [];

  /**
   * @param most items of one question
   * @param ask gives the answers in the order of the items; one that is a rejected promise fails that call alone, throwing fails them all
   */
  constructor(most: number, ask: (items: readonly Item[]) => Promise<readonly (Answer | PromiseLike<Answer>)[]>) {
    this.#most = most;
    this.#ask = ask;
  }

  call(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#calls.length === 0) setImmediate(() => this.#flush());
      this.#calls.push({ item, resolve, reject });
    });
  }

  #flush(): void {
    const calls = this.#calls;
    this.#calls = [];
    for (let from = 0; from < calls.length; from += this.#most) void this.#settle(calls.slice(from, from + this.#most));
  }

  async #settle(calls: readonly Call<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#ask(calls.map(({ item }) => item));
      if (answers.length !== calls.length) throw new RangeError('a question was not answered in full');
      answers.forEach((answer, index) => void calls[index]?.resolve(answer));
    } catch (error) {
      for (const { reject } of calls) reject(error);
    }
  }
}
