/**
 * Does the same to every item, at most `limit` of them at a time. All are tried; then the first failure is thrown.
 */
export async function atOnce<Item>(items: Iterable<Item>, limit: number, act: (item: Item) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  const rest = queue.values();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const item of rest) await act(item).catch((error: unknown) => failures.push(error));
  };
  await Promise.all(Array.from({ length: Math.min(limit, queue.length) }, worker));
  if (failures.length > 0) throw failures[0];
}

/** The items in groups of at most `size`. */
export function inGroups<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}
