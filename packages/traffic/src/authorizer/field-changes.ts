import { changedHeaderProblem, headerValueProblem } from '../filters/changed-header.ts';
import { MAX_CHECK_ANSWER_FIELDS } from '../limits.ts';
import type { FieldList } from '../request/field-list.ts';

/** What an authorizer changes of a head. All are name, value, name, value… but `remove`. */
export interface FieldChanges {
  /** In place of all of that name. */
  readonly set: readonly string[];
  readonly add: readonly string[];
  /** Where there is one of that name. */
  readonly addIfPresent: readonly string[];
  readonly addIfAbsent: readonly string[];
  readonly setIfPresent: readonly string[];
  readonly remove: readonly string[];
}

type Part = Exclude<keyof FieldChanges, 'remove'>;

/** Who the client is, and what it came through, is said by proxies alone. */
const OF_CLIENTS: ReadonlySet<string> = new Set([
  'forwarded',
  'x-ambit-reason',
  'x-envoy-external-address',
  'x-envoy-internal',
  'x-forwarded-for',
]);

/**
 * Whether an authorizer may change a field: not the request line, nor framing, nor what belongs to a connection, nor what says who the
 * client is.
 */
export function mayChange(name: string): boolean {
  if (name === 'expect') return false;
  return changedHeaderProblem(name, false) === undefined && !OF_CLIENTS.has(name.replaceAll('_', '-'));
}

/** Gathers changes. What may not be changed is left out; what is no header field at all makes the answer one that cannot be read. */
export class FieldChangesReader {
  readonly #changes = {
    set: [] as string[],
    add: [] as string[],
    addIfPresent: [] as string[],
    addIfAbsent: [] as string[],
    setIfPresent: [] as string[],
    remove: [] as string[],
  };
  #count = 0;
  problem: string | undefined;

  /** `name` as written; `value`: one character per octet. */
  put(part: Part, name: string, value: string): void {
    const lower = this.#name(name);
    if (headerValueProblem(value) !== undefined) this.problem ??= 'a value has a control character';
    else if (mayChange(lower)) this.#changes[part].push(lower, value.replace(/^[\t ]+|[\t ]+$/g, ''));
  }

  remove(name: string): void {
    const lower = this.#name(name);
    if (mayChange(lower)) this.#changes.remove.push(lower);
  }

  /** Undefined: nothing is changed. */
  get changes(): FieldChanges | undefined {
    return Object.values(this.#changes).some(({ length }) => length > 0) ? this.#changes : undefined;
  }

  #name(name: string): string {
    this.#count += 1;
    if (this.#count > MAX_CHECK_ANSWER_FIELDS) this.problem ??= `changes more than ${MAX_CHECK_ANSWER_FIELDS} fields`;
    const lower = name.toLowerCase();
    if (!/^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(lower)) this.problem ??= 'a name is not that of a header';
    return lower;
  }
}

/** The head with the changes; the one that was given stays as it is. */
export function withChanges(fields: FieldList, changes: FieldChanges): string[] {
  const { set, add, addIfPresent, addIfAbsent, setIfPresent, remove } = changes;
  const has = (name: string): boolean => {
    for (let at = 0; at + 1 < fields.length; at += 2) if (fields[at] === name) return true;
    return false;
  };
  const replacing = chosen(setIfPresent, has);
  const gone = new Set([...remove, ...namesOf(set), ...namesOf(replacing)]);
  const taken = new Set(remove);
  const come = [
    ...set,
    ...replacing,
    ...add,
    ...chosen(addIfPresent, has),
    ...chosen(addIfAbsent, (name) => !has(name)),
  ];
  const head: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    if (!gone.has(fields[at] ?? '')) head.push(fields[at] ?? '', fields[at + 1] ?? '');
  }
  for (let at = 0; at + 1 < come.length; at += 2) {
    if (!taken.has(come[at] ?? '')) head.push(come[at] ?? '', come[at + 1] ?? '');
  }
  return head;
}

function namesOf(fields: readonly string[]): string[] {
  return fields.filter((_, index) => index % 2 === 0);
}

function chosen(fields: readonly string[], wanted: (name: string) => boolean): string[] {
  return fields.filter((_, index) => wanted(fields[index - (index % 2)] ?? ''));
}
