import { SINGLE_FIELDS } from '@ambit/core/single-fields';
import { toOctets } from '../match/octets.ts';
import type { HeaderChanges, HeaderField } from '../model/route-filters.ts';

/** A further value of these is joined with a comma, as Envoy does. */
const SINGULAR: ReadonlySet<string> = new Set(SINGLE_FIELDS);

/** Changes of a head, made ready. */
export class CompiledHeaderChanges {
  /** Names that go, those that are set anew among them. */
  readonly #gone: ReadonlySet<string>;
  /** Name, value, name, value… that come. */
  readonly #set: readonly string[];
  readonly #add: readonly string[];

  constructor({ remove, set, add }: HeaderChanges) {
    const last = new Map(set.map(({ name, value }) => [name, value]));
    this.#gone = new Set([...remove, ...last.keys()]);
    this.#set = [...last].flatMap(([name, value]) => fieldOf({ name, value }));
    this.#add = add.flatMap(fieldOf);
  }

  /** Changes a head, name, value, name, value… with names in lower case, in place. */
  apply(head: string[]): void {
    if (this.#gone.size > 0) remove(head, this.#gone);
    for (const text of this.#set) head.push(text);
    const add = this.#add;
    for (let at = 0; at + 1 < add.length; at += 2) append(head, add[at] ?? '', add[at + 1] ?? '');
  }
}

function remove(head: string[], gone: ReadonlySet<string>): void {
  let kept = 0;
  for (let at = 0; at + 1 < head.length; at += 2) {
    const name = head[at] ?? '';
    if (gone.has(name)) continue;
    head[kept] = name;
    head[kept + 1] = head[at + 1] ?? '';
    kept += 2;
  }
  head.length = kept;
}

function append(head: string[], name: string, value: string): void {
  const at = SINGULAR.has(name) ? indexOfName(head, name) : -1;
  if (at < 0) head.push(name, value);
  else head[at + 1] = `${head[at + 1] ?? ''},${value}`;
}

function indexOfName(head: readonly string[], name: string): number {
  for (let at = 0; at + 1 < head.length; at += 2) if (head[at] === name) return at;
  return -1;
}

/** White space around a value is no part of it (RFC 9110 5.5). */
function fieldOf({ name, value }: HeaderField): [string, string] {
  return [name, toOctets(value).replace(/^[\t ]+|[\t ]+$/g, '')];
}
