/** What of a tap test this needs. */
interface Teardown {
  teardown(action: () => unknown): void;
}

/** Sets variables of the environment until the test ends; null takes one away. */
export function inEnvironment(t: Teardown, variables: Readonly<Record<string, string | null>>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name];
    put(name, value);
    t.teardown(() => put(name, before ?? null));
  }
}

function put(name: string, value: string | null): void {
  if (value === null) delete process.env[name];
  else process.env[name] = value;
}
