/** Runs a task whenever it is asked for, never twice at a time: all who ask while it runs share one more run after it. */
export function onDemand(task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let following: Promise<void> | null = null;
  const run = (): Promise<void> => {
    running = task().finally(() => {
      running = null;
    });
    return running;
  };
  const after = async (before: Promise<void>): Promise<void> => {
    await before.catch(() => undefined);
    following = null;
    return run();
  };
  return () => {
    if (running === null) return run();
    following ??= after(running);
    return following;
  };
}
