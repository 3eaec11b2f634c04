/**
 * Whether a value has everything that another one asks for: maps may have more, lists must be as long. What the API server
 * writes in another way than it was written to it (`1000m` for `1`) counts as different.
 */
export function contains(actual: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(actual) &&
      actual.length === wanted.length &&
      wanted.every((item: unknown, index) => contains(actual[index], item))
    );
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof actual !== 'object' || actual === null || Array.isArray(actual)) return false;
    return Object.entries(wanted).every(
      ([key, value]: [string, unknown]) =>
        value === undefined || contains((actual as Readonly<Record<string, unknown>>)[key], value),
    );
  }
  // Empty text is what the API server leaves out.
  return actual === wanted || (wanted === '' && actual === undefined);
}
