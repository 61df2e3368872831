import type { Store } from '../ports/store.ts';

const AT_ONCE = 16;

/**
 * Carries out one call an item, as many at the same time as the store serves well; one after another they would take their time, and all at once
 * overrun it. All of a group end before the first failure of one is thrown: nothing goes on behind the caller's back.
 * @returns the answers in the order of the items
 */
export async function inGroups<Item, Answer>(
  { atOnce = AT_ONCE }: Pick<Store, 'atOnce'>,
  items: readonly Item[],
  call: (item: Item) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let from = 0; from < items.length; from += atOnce) {
    for (const answer of await Promise.allSettled(items.slice(from, from + atOnce).map(call))) {
      if (answer.status === 'rejected') throw answer.reason;
      answers.push(answer.value);
    }
  }
  return answers;
}
