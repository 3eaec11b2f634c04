/** One line of a proxy's access log in JSON. */
export interface AccessRecord {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly message: string;
  /** The fields as logged: `src.identity`, `dst.workload`, `direction`, `error`, … */
  readonly fields: Readonly<Record<string, string | number>>;
}

/** Reads a line of a proxy's output; undefined for everything that is no access record. */
export function parseAccessLine(line: string): AccessRecord | undefined {
  if (!line.startsWith('{')) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const record = parsed as Readonly<Record<string, unknown>>;
  if (record['scope'] !== 'access') return undefined;
  const fields: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(record)) {
    if (typeof value === 'string' || typeof value === 'number') fields[name] = value;
  }
  return { at: Date.parse(text(record, 'time')), message: text(record, 'message'), fields };
}

function text(record: Readonly<Record<string, unknown>>, name: string): string {
  const value = record[name];
  return typeof value === 'string' ? value : '';
}
