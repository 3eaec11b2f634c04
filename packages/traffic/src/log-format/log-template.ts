import { MAX_LOG_FORMAT_CHARACTERS, MAX_LOG_OPERATORS } from '../limits.ts';
import { isLogOperator, LOG_OPERATORS, type LogOperatorName } from './log-operators.ts';

/** An operator of a format, with its arguments. */
export interface LogOperator {
  readonly name: LogOperatorName;
  /** REQ and RESP: fields in lower case, of which the first that is there counts. */
  readonly fields: readonly string[];
  /** Characters that are kept; undefined: all. */
  readonly length: number | undefined;
}

/** Text as it is, or an operator; `quoted`: it stands between double quotes. */
export type LogPart = { readonly text: string } | { readonly operator: LogOperator; readonly quoted: boolean };

/** Sticky: one operator, or an escaped percent sign. */
const OPERATOR = /%(?:%|([A-Z][A-Z0-9_]*)(?:\(([^()]*)\))?(?::(\d{1,5}))?%)/y;
const FIELD_NAME = /^:?[A-Za-z0-9!#$&'*+.^_`|~-]{1,256}$/;
/**
 * Reads a format of Envoy's access logs (`%REQ(:METHOD)% %RESPONSE_CODE%`): the operators of `LOG_OPERATORS`.
 * @throws Error that names what is not understood.
 */
export function parseLogTemplate(format: string): readonly LogPart[] {
  if (format.length > MAX_LOG_FORMAT_CHARACTERS)
    throw new Error(`is longer than ${MAX_LOG_FORMAT_CHARACTERS} characters`);
  for (const character of format) {
    // A line feed and a tabulator are the user's to use.
    if ((character < ' ' && character !== '\n' && character !== '\t') || character === '\u007f') {
      throw new Error('has a control character');
    }
  }
  const parts: LogPart[] = [];
  let literal = '';
  let quoted = false;
  const literally = (text: string): void => {
    literal += text;
    for (const character of text) if (character === '"') quoted = !quoted;
  };
  let operators = 0;
  for (let at = 0; at < format.length; ) {
    const percent = format.indexOf('%', at);
    if (percent !== at) {
      const end = percent < 0 ? format.length : percent;
      literally(format.slice(at, end));
      at = end;
      continue;
    }
    OPERATOR.lastIndex = at;
    const match = OPERATOR.exec(format);
    if (match === null) {
      throw new Error(`"${format.slice(at, at + 40)}" is no operator; a percent sign by itself is written %%`);
    }
    at = OPERATOR.lastIndex;
    const [, name, argument, length] = match;
    if (name === undefined) {
      literally('%');
      continue;
    }
    if (literal !== '') parts.push({ text: literal });
    literal = '';
    operators += 1;
    parts.push({ operator: operatorOf(name, argument, length), quoted });
  }
  if (literal !== '') parts.push({ text: literal });
  if (operators > MAX_LOG_OPERATORS) throw new Error(`has more than ${MAX_LOG_OPERATORS} operators`);
  return parts;
}

function operatorOf(name: string, argument: string | undefined, length: string | undefined): LogOperator {
  if (!isLogOperator(name)) throw new Error(`%${name}% is not honoured`);
  const takesField = LOG_OPERATORS[name] === 'field';
  if (argument !== undefined && !takesField) throw new Error(`%${name}(${argument})% is not honoured with an argument`);
  if (length !== undefined && !takesField) throw new Error(`%${name}:${length}% is not honoured with a length`);
  const fields = takesField ? (argument ?? '').split('?') : [];
  if (takesField && (fields.length > 2 || !fields.every((field) => FIELD_NAME.test(field)))) {
    throw new Error(`%${name}(${argument ?? ''})% names no field, or more than one and another in its place`);
  }
  return {
    name,
    fields: fields.map((field) => field.toLowerCase()),
    length: length === undefined ? undefined : Number(length),
  };
}
