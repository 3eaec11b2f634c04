import { messageOf } from '@ambit/core/errors';
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseAllDocuments,
  type YAMLMap,
} from 'yaml';
import { MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES_PER_FILE, MAX_PROBLEMS_PER_FILE } from '../limits.ts';
import type { Located, LocatedDocument, LocatedEntry } from './located.ts';
import { type Position, quoted, singleLine } from './problem.ts';

/** What stops a text from being read as YAML at all. */
export interface SyntaxProblem {
  readonly position: Position;
  readonly message: string;
  readonly cause?: string;
}

export type ParsedText =
  | { readonly kind: 'documents'; readonly documents: readonly LocatedDocument[] }
  | { readonly kind: 'refused'; readonly problems: readonly SyntaxProblem[] };

type YamlNode = Alias.Parsed | ParsedNode;

/**
 * Reads a stream of YAML (or JSON) documents. Refused are: syntax errors, tags, keys given twice, keys that are no
 * scalars, aliases that contain themselves, and what exceeds the limits. Documents without content are left out.
 */
export function parseYaml(text: string): ParsedText {
  const start: Position = { line: 1, column: 1 };
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) {
    return refused({ position: start, message: `the file is larger than ${MAX_FILE_BYTES} bytes` });
  }
  const lines = new LineCounter();
  try {
    // Keys given twice are looked for while converting: the parser's own search is quadratic.
    const parsed = parseAllDocuments(text, {
      strict: true,
      uniqueKeys: false,
      merge: false,
      version: '1.2',
      prettyErrors: false,
      lineCounter: lines,
    });
    const list = Array.isArray(parsed) ? parsed : [];
    const errors = list
      .flatMap((document) => [...document.errors, ...document.warnings])
      .slice(0, MAX_PROBLEMS_PER_FILE);
    if (errors.length > 0) {
      return {
        kind: 'refused',
        problems: errors.map((error) => ({
          position: positionAt(lines, error.pos[0]),
          message: singleLine(error.message),
        })),
      };
    }
    const converter = new Converter(lines);
    const documents: LocatedDocument[] = [];
    for (const document of list) {
      if (document.contents === null || isNull(document.contents)) continue;
      const [from, , to] = document.range;
      documents.push({ root: converter.convertDocument(document.contents), size: to - from });
    }
    return { kind: 'documents', documents };
  } catch (error) {
    if (error instanceof Refusal) return refused({ position: error.position, message: error.message });
    if (error instanceof RangeError) return refused({ position: start, message: 'the text is nested too deeply' });
    return refused({ position: start, message: `the text cannot be read as YAML: ${quoted(messageOf(error))}` });
  }
}

function refused(problem: SyntaxProblem): ParsedText {
  return { kind: 'refused', problems: [problem] };
}

function isNull(node: YamlNode): boolean {
  return isScalar(node) && node.value === null;
}

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

class Refusal extends Error {
  readonly position: Position;

  constructor(position: Position, message: string) {
    super(message);
    this.position = position;
  }
}

class Converter {
  readonly #lines: LineCounter;
  #nodes = 0;
  #anchors = new Map<string, YamlNode>();
  #open = new Set<YamlNode>();

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  convertDocument(root: YamlNode): Located {
    this.#anchors = new Map();
    this.#open = new Set();
    return this.#convert(root, 0);
  }

  #convert(node: YamlNode, depth: number): Located {
    const position = positionAt(this.#lines, node.range[0]);
    if (++this.#nodes > MAX_NODES_PER_FILE) {
      throw new Refusal(position, `more than ${MAX_NODES_PER_FILE} values; aliases that name each other grow quickly`);
    }
    if (depth > MAX_DEPTH) throw new Refusal(position, `nested more than ${MAX_DEPTH} levels deep`);
    if (isAlias(node)) return this.#convertAlias(node, position, depth);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    this.#open.add(node);
    const located = this.#convertContent(node, position, depth);
    this.#open.delete(node);
    return located;
  }

  #convertAlias(alias: Alias.Parsed, position: Position, depth: number): Located {
    const target = this.#anchors.get(alias.source);
    if (target === undefined)
      throw new Refusal(position, `no anchor &${quoted(alias.source)} stands before this alias`);
    if (this.#open.has(target)) throw new Refusal(position, 'the alias names a value that contains it');
    return this.#convert(target, depth + 1);
  }

  #convertContent(node: Exclude<YamlNode, Alias.Parsed>, position: Position, depth: number): Located {
    if (isMap(node)) return { kind: 'map', position, entries: this.#entries(node, depth) };
    if (isSeq(node)) {
      const items = node.items.map((item) => this.#convert(item, depth + 1));
      return { kind: 'list', position, items };
    }
    const { value } = node;
    const plain = node.type === 'PLAIN' ? node.source : undefined;
    if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') {
      return { kind: 'scalar', position, value, plain };
    }
    throw new Refusal(position, 'only text, numbers, booleans, lists and maps are known');
  }

  #entries(map: YAMLMap.Parsed, depth: number): LocatedEntry[] {
    const own = new Map<string, LocatedEntry>();
    const merged = new Map<string, LocatedEntry>();
    for (const pair of map.items) {
      const keyNode: YamlNode = pair.key;
      const keyPosition = positionAt(this.#lines, keyNode.range[0]);
      const key = this.#key(keyNode, keyPosition, depth);
      const value: Located =
        pair.value === null
          ? { kind: 'scalar', position: keyPosition, value: null, plain: '' }
          : this.#convert(pair.value, depth + 1);
      if (key === '<<') {
        for (const entry of mergedEntries(value)) if (!merged.has(entry.key)) merged.set(entry.key, entry);
        continue;
      }
      if (own.has(key)) throw new Refusal(keyPosition, `the key ${quoted(key)} is given twice`);
      own.set(key, { key, keyPosition, value });
    }
    return [...own.values(), ...[...merged.values()].filter((entry) => !own.has(entry.key))];
  }

  #key(node: YamlNode, position: Position, depth: number): string {
    const located = this.#convert(node, depth + 1);
    if (located.kind !== 'scalar' || located.value === null) throw new Refusal(position, 'a key must be text');
    return typeof located.value === 'string' ? located.value : (located.plain ?? String(located.value));
  }
}

/** The entries that a YAML 1.1 merge key brings in, which Kubernetes clients follow too. */
function mergedEntries(value: Located): readonly LocatedEntry[] {
  if (value.kind === 'map') return value.entries;
  if (value.kind === 'list') return value.items.flatMap((item) => mergedEntries(item));
  throw new Refusal(value.position, 'the merge key << takes a map or a list of maps');
}
