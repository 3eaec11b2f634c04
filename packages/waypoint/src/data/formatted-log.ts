import type { RecordWriter } from '@ambit/proxy/access-log';
import { LineWriter, valueBytes } from '@ambit/telemetry/log-bytes';
import { type LogOperator, type LogPart, parseLogTemplate } from '@ambit/traffic/log-format/log-template';
import type { LogFormat } from '@ambit/traffic/model/telemetry';
import { type LoggedValues, valueOf } from './logged-values.ts';

const QUOTE = 0x22;
const LINE_FEED = 0x0a;
const NUMBER_BYTES = 17;
const NULL: Buffer = Buffer.from('null');

/** A part of a line: octets as they are, or the value of an operator. */
type CompiledPart = { readonly bytes: Buffer } | Exclude<LogPart, { readonly text: string }>;

/** What stands before a value of a line of JSON, without the comma, and what its value is made of. */
interface CompiledLabel {
  readonly key: Buffer;
  readonly parts: readonly CompiledPart[];
}

/** Writes lines in a format of a user; nothing in a value ends its field or its line. */
export function formattedLog(format: LogFormat): RecordWriter<LoggedValues> {
  if (format.kind === 'text') return new FormattedText(format.text, format.omitEmptyValues);
  return new FormattedJson(format.labels, format.omitEmptyValues);
}

/** A tag of a span that is written as a format. */
export class FormattedTag {
  readonly name: string;
  readonly #parts: readonly LogPart[];

  constructor(name: string, format: string) {
    this.name = name;
    this.#parts = parseLogTemplate(format);
  }

  value(record: LoggedValues): string {
    return this.#parts.map((part) => ('text' in part ? part.text : textOf(part.operator, record, '-'))).join('');
  }
}

class FormattedText implements RecordWriter<LoggedValues> {
  readonly #parts: readonly CompiledPart[];
  readonly #missing: string;
  readonly #line: LineWriter = new LineWriter('text');

  constructor(text: string, omitEmptyValues: boolean) {
    // Each line has an end, whether it is written or not.
    this.#parts = compile(text.replace(/\n+$/, ''), (literal) => Buffer.from(literal));
    this.#missing = omitEmptyValues ? '' : '-';
  }

  writeLine(record: LoggedValues, into: Buffer, at: number): number {
    const values = valuesOf(this.#parts, record, this.#missing);
    if (at + sizeOf(this.#parts, values) + 1 > into.length) return -1;
    const line = this.#line;
    line.begin(into, at);
    for (const [index, part] of this.#parts.entries()) {
      const value = values[index] ?? '';
      if ('bytes' in part) line.bytes(part.bytes);
      else if (part.quoted) line.value(value);
      else if (value !== '') line.bareValue(value);
    }
    line.character(LINE_FEED);
    return line.end;
  }
}

class FormattedJson implements RecordWriter<LoggedValues> {
  readonly #labels: readonly CompiledLabel[];
  readonly #omitEmptyValues: boolean;
  readonly #line: LineWriter = new LineWriter('json');

  constructor(labels: readonly { readonly name: string; readonly value: string }[], omitEmptyValues: boolean) {
    this.#labels = labels.map(({ name, value }) => ({
      key: Buffer.from(`${JSON.stringify(name)}:`),
      parts: compile(value, (literal) => Buffer.from(JSON.stringify(literal).slice(1, -1))),
    }));
    this.#omitEmptyValues = omitEmptyValues;
  }

  writeLine(record: LoggedValues, into: Buffer, at: number): number {
    const values = this.#labels.map(({ parts }) => valuesOf(parts, record, '-'));
    let size = 3;
    for (const [index, { key, parts }] of this.#labels.entries()) {
      size += key.length + sizeOf(parts, values[index] ?? []) + NULL.length + 3;
    }
    if (at + size > into.length) return -1;
    const line = this.#line;
    line.begin(into, at);
    let separator = 0x7b;
    for (const [index, { key, parts }] of this.#labels.entries()) {
      // A value that is one operator keeps its type.
      const [only, ...others] = parts;
      const typed = only !== undefined && others.length === 0 && !('bytes' in only);
      const value = typed ? valueOf(only.operator, record) : '';
      if (value === undefined && this.#omitEmptyValues) continue;
      line.character(separator);
      separator = 0x2c;
      line.bytes(key);
      if (value === undefined) line.bytes(NULL);
      else if (typeof value === 'number') line.number(value);
      else writeText(parts, values[index] ?? [], line);
    }
    if (separator === 0x7b) line.character(separator);
    line.character(0x7d);
    line.character(LINE_FEED);
    return line.end;
  }
}

function writeText(parts: readonly CompiledPart[], values: readonly (string | undefined)[], line: LineWriter): void {
  line.character(QUOTE);
  for (const [index, part] of parts.entries()) {
    if ('bytes' in part) line.bytes(part.bytes);
    else line.value(values[index] ?? '');
  }
  line.character(QUOTE);
}

function compile(template: string, literal: (text: string) => Buffer): CompiledPart[] {
  return parseLogTemplate(template).map((part) => ('text' in part ? { bytes: literal(part.text) } : part));
}

/** The values of operators, by the places of the parts. */
function valuesOf(parts: readonly CompiledPart[], record: LoggedValues, missing: string): (string | undefined)[] {
  return parts.map((part) => {
    if ('bytes' in part) return undefined;
    return textOf(part.operator, record, missing);
  });
}

function textOf(operator: LogOperator, record: LoggedValues, missing: string): string {
  const value = valueOf(operator, record);
  return value === undefined ? missing : String(value).slice(0, operator.length);
}

/** Octets that the parts take at most. */
function sizeOf(parts: readonly CompiledPart[], values: readonly (string | undefined)[]): number {
  let size = 0;
  for (const [index, part] of parts.entries()) {
    size += 'bytes' in part ? part.bytes.length : valueBytes(values[index]) + NUMBER_BYTES;
  }
  return size;
}
