import { MAX_EXPRESSION_LENGTH, MAX_EXPRESSION_PARTS } from '../limits.ts';
import { ATTRIBUTES, type ExpressionType, type ExpressionValue, HEADERS, type ObservedRequest } from './attributes.ts';
import { expressionError, type Token, tokensOf } from './tokens.ts';

type Read = (request: ObservedRequest) => ExpressionValue;

interface Typed {
  readonly type: ExpressionType;
  readonly read: Read;
}

/** Compares of CEL by type; both sides have the same. */
const ORDERS: Readonly<Record<string, (one: number | string, other: number | string) => boolean>> = {
  '<': (one, other) => one < other,
  '<=': (one, other) => one <= other,
  '>': (one, other) => one > other,
  '>=': (one, other) => one >= other,
};

const TEXT_METHODS: Readonly<Record<string, (text: string, part: string) => boolean>> = {
  contains: (text, part) => text.includes(part),
  endsWith: (text, part) => text.endsWith(part),
  startsWith: (text, part) => text.startsWith(part),
};

/**
 * An expression over a request that is over: what of the Common Expression Language makes sense in Telemetry and can be told in
 * bounded time. Literals, `ATTRIBUTES`, `request.headers['name']`, `'name' in request.headers`, `has()`, comparisons, `in [...]`,
 * `&&`, `||`, `!`, `? :`, `string()`, `contains`, `startsWith`, `endsWith`. A part without value makes the whole valueless, except
 * where the other side of `&&` or `||` decides alone, as in CEL.
 */
export class Expression {
  readonly type: ExpressionType;
  readonly #read: Read;

  private constructor({ type, read }: Typed) {
    this.type = type;
    this.#read = read;
  }

  /** Throws `AMBIT_EXPRESSION` with the place of what is not understood. */
  static compile(text: string): Expression {
    if (text.length > MAX_EXPRESSION_LENGTH) {
      throw expressionError(MAX_EXPRESSION_LENGTH, `longer than ${MAX_EXPRESSION_LENGTH} characters`);
    }
    return new Expression(new Parser(tokensOf(text)).whole());
  }

  evaluate(request: ObservedRequest): ExpressionValue {
    return this.#read(request);
  }
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #parts = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Typed {
    const typed = this.#choice();
    const token = this.#peek();
    if (token.kind !== 'end') throw expressionError(token.at, `${shown(token)} is not expected here`);
    return typed;
  }

  #choice(): Typed {
    const condition = this.#or();
    const { at } = this.#peek();
    if (!this.#take('?')) return condition;
    requireType(condition, 'bool', at);
    const yes = this.#choice();
    this.#expect(':');
    const no = this.#choice();
    requireType(no, yes.type, at);
    return {
      type: yes.type,
      read: (request) => {
        const chosen = condition.read(request);
        return chosen === undefined ? undefined : chosen === true ? yes.read(request) : no.read(request);
      },
    };
  }

  #or(): Typed {
    return this.#logic('||', true, () => this.#logic('&&', false, () => this.#relation()));
  }

  /** `decides`: the value of one side that the other side cannot change. */
  #logic(sign: string, decides: boolean, operand: () => Typed): Typed {
    let left = operand();
    for (let { at } = this.#peek(); this.#take(sign); { at } = this.#peek()) {
      const right = operand();
      requireType(left, 'bool', at);
      requireType(right, 'bool', at);
      const former = left;
      left = {
        type: 'bool',
        read: (request) => {
          const one = former.read(request);
          if (one === decides) return decides;
          const other = right.read(request);
          if (other === decides) return decides;
          return one === undefined || other === undefined ? undefined : !decides;
        },
      };
    }
    return left;
  }

  #relation(): Typed {
    const start = this.#peek();
    const left = this.#unary();
    const { at } = this.#peek();
    if (this.#takeName('in')) return this.#member(left, start);
    for (const sign of ['==', '!=']) {
      if (!this.#take(sign)) continue;
      const right = this.#unary();
      requireType(right, left.type, at);
      const equal = sign === '==';
      return compared(left, right, (one, other) => (one === other) === equal);
    }
    for (const [sign, holds] of Object.entries(ORDERS)) {
      if (!this.#take(sign)) continue;
      const right = this.#unary();
      requireType(right, left.type, at);
      if (left.type === 'bool') throw expressionError(at, 'truth values have no order');
      return compared(left, right, (one, other) => holds(one as number, other as number));
    }
    return left;
  }

  #member(left: Typed, start: Token): Typed {
    const { at } = this.#peek();
    if (!this.#take('[')) {
      const name = this.#path();
      if (name !== HEADERS || start.kind !== 'string') {
        throw expressionError(at, "behind `in` stands a list, or request.headers behind 'name'");
      }
      const header = start.text.toLowerCase();
      return { type: 'bool', read: (request) => request.header(header) !== undefined };
    }
    const values = new Set<ExpressionValue>();
    do {
      const token = this.#peek();
      const item = this.#unary();
      if (token.kind !== 'string' && token.kind !== 'int') {
        throw expressionError(token.at, 'only literals stand in lists');
      }
      requireType(item, left.type, token.at);
      values.add('value' in token ? token.value : token.text);
    } while (this.#take(','));
    this.#expect(']');
    return {
      type: 'bool',
      read: (request) => {
        const value = left.read(request);
        return value === undefined ? undefined : values.has(value);
      },
    };
  }

  #unary(): Typed {
    const { at } = this.#peek();
    if (!this.#take('!')) return this.#suffixed();
    this.#count(at);
    const inner = this.#unary();
    requireType(inner, 'bool', at);
    return {
      type: 'bool',
      read: (request) => {
        const value = inner.read(request);
        return value === undefined ? undefined : value !== true;
      },
    };
  }

  /** A value, and the methods that are called on it. */
  #suffixed(): Typed {
    let value = this.#primary();
    for (let { at } = this.#peek(); this.#take('.'); { at } = this.#peek()) {
      const name = this.#name();
      const holds = Object.hasOwn(TEXT_METHODS, name) ? TEXT_METHODS[name] : undefined;
      if (holds === undefined) {
        throw expressionError(at, `.${name} is not known here (${Object.keys(TEXT_METHODS).join(', ')})`);
      }
      requireType(value, 'string', at);
      this.#expect('(');
      const part = this.#choice();
      requireType(part, 'string', at);
      this.#expect(')');
      value = compared(value, part, (one, other) => holds(String(one), String(other)));
    }
    return value;
  }

  #primary(): Typed {
    const token = this.#peek();
    this.#count(token.at);
    switch (token.kind) {
      case 'string':
        this.#next += 1;
        return constant('string', token.text);
      case 'int':
        this.#next += 1;
        return constant('int', token.value);
      case 'sign':
        return this.#signed(token.at);
      case 'name':
        return this.#named(token.at);
      case 'end':
        throw expressionError(token.at, 'the expression ends here, and a value is missing');
    }
  }

  #signed(at: number): Typed {
    if (this.#take('(')) {
      const inner = this.#choice();
      this.#expect(')');
      return inner;
    }
    const number = this.#take('-') ? this.#peek() : undefined;
    if (number?.kind !== 'int') throw expressionError(at, `${shown(this.#peek())} is not expected here`);
    this.#next += 1;
    return constant('int', -number.value);
  }

  #named(at: number): Typed {
    const name = this.#path();
    if (name === 'true' || name === 'false') return constant('bool', name === 'true');
    if (name === HEADERS) return this.#header();
    if (name === 'has' || name === 'string') {
      this.#expect('(');
      const inner = this.#choice();
      this.#expect(')');
      if (name === 'has') return { type: 'bool', read: (request) => inner.read(request) !== undefined };
      return {
        type: 'string',
        read: (request) => {
          const value = inner.read(request);
          return value === undefined ? undefined : String(value);
        },
      };
    }
    const attribute = ATTRIBUTES.get(name);
    if (attribute === undefined) {
      throw expressionError(
        at,
        `${name} is not known here (${[...ATTRIBUTES.keys(), `${HEADERS}['name']`].join(', ')})`,
      );
    }
    return attribute;
  }

  #header(): Typed {
    this.#expect('[');
    const token = this.#peek();
    if (token.kind !== 'string') throw expressionError(token.at, 'the name of a header is missing');
    this.#next += 1;
    this.#expect(']');
    const header = token.text.toLowerCase();
    return { type: 'string', read: (request) => request.header(header) };
  }

  /** `a.b.c`, up to the name of a method. */
  #path(): string {
    let path = this.#name();
    while (this.#isSign(0, '.')) {
      const behind = this.#tokens[this.#next + 1];
      if (behind?.kind !== 'name' || this.#isSign(2, '(')) break;
      this.#next += 2;
      path += `.${behind.text}`;
    }
    return path;
  }

  #name(): string {
    const token = this.#peek();
    if (token.kind !== 'name') throw expressionError(token.at, `${shown(token)} is not expected here`);
    this.#next += 1;
    return token.text;
  }

  #isSign(ahead: number, sign: string): boolean {
    const token = this.#tokens[this.#next + ahead];
    return token?.kind === 'sign' && token.text === sign;
  }

  #take(sign: string): boolean {
    if (!this.#isSign(0, sign)) return false;
    this.#next += 1;
    return true;
  }

  #takeName(name: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'name' || token.text !== name) return false;
    this.#next += 1;
    return true;
  }

  #expect(sign: string): void {
    const token = this.#peek();
    if (!this.#take(sign)) throw expressionError(token.at, `${shown(token)} stands where ${sign} is expected`);
  }

  #count(at: number): void {
    this.#parts += 1;
    if (this.#parts > MAX_EXPRESSION_PARTS) throw expressionError(at, `more than ${MAX_EXPRESSION_PARTS} parts`);
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', at: 0 };
  }
}

function constant(type: ExpressionType, value: ExpressionValue): Typed {
  return { type, read: () => value };
}

function compared(
  left: Typed,
  right: Typed,
  holds: (one: boolean | number | string, other: boolean | number | string) => boolean,
): Typed {
  return {
    type: 'bool',
    read: (request) => {
      const one = left.read(request);
      const other = right.read(request);
      return one === undefined || other === undefined ? undefined : holds(one, other);
    },
  };
}

function requireType({ type }: Typed, wanted: ExpressionType, at: number): void {
  if (type !== wanted) throw expressionError(at, `a value of type ${wanted} is expected, and this is ${type}`);
}

function shown(token: Token): string {
  switch (token.kind) {
    case 'end':
      return 'the end';
    case 'int':
      return String(token.value);
    case 'name':
    case 'sign':
    case 'string':
      return JSON.stringify(token.text);
  }
}
