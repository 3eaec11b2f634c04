/** One line of a proxy's access log in JSON. */
export interface AccessRecord {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly message: string;
  /** The fields as logged: `src.identity`, `dst.workload`, `direction`, `error`, … */
  readonly fields: Readonly<Record<string, string | number>>;
}

/** Reads a line of a ztunnel's output; undefined for everything that is no access record. */
export function parseAccessLine(line: string): AccessRecord | undefined {
  const record = parseObject(line);
  if (record?.['scope'] !== 'access') return undefined;
  return { at: Date.parse(text(record, 'time')), message: text(record, 'message'), fields: fieldsOf(record) };
}

/** Reads a line of a waypoint's output, in Istio's format for requests; undefined for everything that is no access record. */
export function parseRequestLine(line: string): AccessRecord | undefined {
  const record = parseObject(line);
  if (record?.['start_time'] === undefined) return undefined;
  return { at: Date.parse(text(record, 'start_time')), message: '', fields: fieldsOf(record) };
}

function parseObject(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

function fieldsOf(record: Readonly<Record<string, unknown>>): Record<string, string | number> {
  const fields: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(record)) {
    if (typeof value === 'string' || typeof value === 'number') fields[name] = value;
  }
  return fields;
}

function text(record: Readonly<Record<string, unknown>>, name: string): string {
  const value = record[name];
  return typeof value === 'string' ? value : '';
}
