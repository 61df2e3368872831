/** How many questions are put to Vault at the same time by what asks many. */
const AT_ONCE = 16;

/** The answers in the order of the items. The first failure is thrown, after what was under way has ended. */
export async function mapAtOnce<Item, Result>(items: readonly Item[], ask: (item: Item) => Promise<Result>): Promise<Result[]> {
  const answers: Result[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) answers[index] = await ask(item);
  };
  const workers = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  for (const settled of workers) if (settled.status === 'rejected') throw settled.reason;
  return answers;
}
